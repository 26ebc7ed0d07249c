//! Ends of models: how many days are left on a given day.

use jiff::civil::Date;

use crate::catalog::data::Catalog;
use crate::catalog::model::State;

/// The end of a model, seen from a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// Whether it can no longer be bought.
    pub retired: bool,
    /// Day of its end, `YYYY-MM-DD`, if known.
    pub date: Option<String>,
    /// The model that takes its place.
    pub replacement: Option<String>,
    /// Days until the end; negative after it, none without a date.
    pub days_left: Option<i32>,
}

/// What is announced about the end of a model; none if nothing is.
///
/// `today`: `YYYY-MM-DD` in UTC. A text that is no date counts as the day of the data.
pub fn retirement(family: &str, model: &str, today: &str) -> Option<Retirement> {
    let row = Catalog::shipped()
        .models
        .iter()
        .find(|row| row.family == family && row.is_called(model))?;
    if row.shutdown.is_none() && row.state == State::Current {
        return None;
    }
    let today: Option<Date> = today.parse().or_else(|_| row.as_of.parse()).ok();
    let end: Option<Date> = row.shutdown.as_deref().and_then(|date| date.parse().ok());
    let days_left = today.zip(end).map(|(today, end)| (end - today).get_days());
    Some(Retirement {
        retired: row.state == State::Retired || days_left.is_some_and(|days| days <= 0),
        date: row.shutdown.clone(),
        replacement: row.replacement.clone(),
        days_left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_retired_from_its_last_day_on() {
        let on =
            |today| retirement("openai", "gpt-image-1-mini", today).expect("an end is announced");
        assert_eq!((on("2026-11-22").retired, on("2026-11-22").days_left), (false, Some(9)));
        assert_eq!((on("2026-11-30").retired, on("2026-11-30").days_left), (false, Some(1)));
        assert_eq!((on("2026-12-01").retired, on("2026-12-01").days_left), (true, Some(0)));
        assert_eq!(on("2026-12-02").days_left, Some(-1));
        assert_eq!(on("2026-12-02").replacement.as_deref(), Some("gpt-image-2"));
    }

    #[test]
    fn days_are_counted_across_months_and_years() {
        let end = retirement("openai", "dall-e-3", "2025-05-12").expect("an end is announced");
        assert_eq!(end.days_left, Some(365));
        assert!(end.retired, "what the data calls retired is, whatever the clock says");
    }

    #[test]
    fn a_current_or_unknown_model_has_no_end() {
        assert_eq!(retirement("openai", "gpt-image-2", "2026-11-22"), None);
        assert_eq!(retirement("openai", "gpt-image-99", "2026-11-22"), None);
    }

    #[test]
    fn a_broken_clock_counts_as_the_day_of_the_data() {
        let end = retirement("openai", "gpt-image-1-mini", "not a date").expect("an end");
        assert_eq!(end.days_left, Some(9));
    }
}
