//! What was said about purchases while a watch runs.
//!
//! A word is about one request of one asset, and a yes about so many results at such a price: a spec that
//! was edited since needs another one.

use std::collections::BTreeMap;

use crate::base::ActionKey;
use crate::pipeline::purchases::Item;

/// What somebody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It is bought.
    Yes,
    /// Not now.
    No,
}

/// A purchase that needs a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) item: Item,
    /// Key of the request.
    pub(super) wanted: ActionKey,
}

impl Wish {
    /// Whether it asks for no more than another one.
    fn is_within(&self, other: &Self) -> bool {
        let (mine, other) = (&self.item, &other.item);
        let is_no_dearer = match (mine.high_micros, other.high_micros) {
            (Some(mine), Some(other)) => mine <= other,
            _ => false,
        };
        mine.count <= other.count && mine.unit == other.unit && is_no_dearer
    }
}

/// The words that stand, by asset, with what they were said about.
#[derive(Debug, Default)]
pub(super) struct Orders(BTreeMap<String, (Wish, Word)>);

impl Orders {
    /// What was said about a wish.
    pub(super) fn word(&self, wish: &Wish) -> Option<Word> {
        let (about, word) = self.0.get(&wish.item.id)?;
        let is_same = about.wanted == wish.wanted;
        let stands = match word {
            Word::Yes => is_same && wish.is_within(about),
            Word::No => is_same && about.item.count == wish.item.count,
        };
        stands.then_some(*word)
    }

    /// Notes what was said.
    pub(super) fn say(&mut self, wish: Wish, word: Word) {
        self.0.insert(wish.item.id.clone(), (wish, word));
    }

    /// Forgets what was said about an asset.
    pub(super) fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// A yes is good for one purchase, whatever became of it.
    pub(super) fn use_up(&mut self) {
        self.0.retain(|_, (_, word)| *word == Word::No);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::PriceUnit;
    use crate::graph::AssetIndex;

    fn wish(id: &str, wanted: u8) -> Wish {
        let item = Item {
            asset: AssetIndex(0),
            id: id.to_owned(),
            provider: "openai".to_owned(),
            model: "gpt-image-2".to_owned(),
            count: 1,
            high_micros: Some(20_000),
            unit: PriceUnit::Usd,
        };
        Wish { item, wanted: ActionKey([wanted; 32]) }
    }

    #[test]
    fn a_word_is_about_one_request_and_a_yes_about_one_purchase() {
        let mut orders = Orders::default();
        orders.say(wish("sky", 1), Word::Yes);
        orders.say(wish("sea", 1), Word::No);
        assert_eq!(orders.word(&wish("sky", 1)), Some(Word::Yes));
        assert_eq!(orders.word(&wish("sky", 2)), None, "it was edited since");
        orders.use_up();
        assert_eq!(orders.word(&wish("sky", 1)), None);
        assert_eq!(orders.word(&wish("sea", 1)), Some(Word::No));
        orders.forget("sea");
        assert_eq!(orders.word(&wish("sea", 1)), None);
    }

    #[test]
    fn a_yes_does_not_cover_more_results_or_a_higher_price() {
        let mut orders = Orders::default();
        orders.say(wish("sky", 1), Word::Yes);
        let with = |count, high_micros| {
            let Wish { item, wanted } = wish("sky", 1);
            Wish { item: Item { count, high_micros, ..item }, wanted }
        };
        assert_eq!(orders.word(&with(1, Some(10_000))), Some(Word::Yes));
        assert_eq!(orders.word(&with(5, Some(20_000))), None);
        assert_eq!(orders.word(&with(1, Some(20_001))), None);
        assert_eq!(orders.word(&with(1, None)), None);
    }
}
