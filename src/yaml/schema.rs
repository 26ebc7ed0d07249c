//! Tables of keys: what a map may hold. One table drives the check of what users write, the
//! reference and the editor schema, so the three cannot disagree.

/// One key of a map.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// What holds when it is missing, for people; empty if nothing does.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What a change makes stale.
    pub stale: Stale,
}

impl Key {
    /// Whether `word` is this key; a name that ends with `*` stands for all that start like it.
    pub fn is(&self, word: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => word.len() > start.len() && word.starts_with(start),
            None => self.name == word,
        }
    }

    /// A key without a default.
    pub const fn new(
        name: &'static str,
        shape: Shape,
        stale: Stale,
        meaning: &'static str,
    ) -> Self {
        Self { name, shape, default: "", meaning, stale }
    }

    /// The same key with what holds when it is missing.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

/// What a change of a key makes stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// Nothing.
    No,
    /// The request: for a paid provider the change costs money.
    Request,
    /// Processing, which is free.
    Processing,
    /// Publishing, which is free.
    Publishing,
    /// Whatever the keys below it say.
    Inner,
}

/// What may stand at a place.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any single value, taken as text, as it is written.
    Text,
    /// One of a list of words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range.
    Integer(i64, i64),
    /// A number in a range.
    Number(f64, f64),
    /// Width and height, such as `128x128`.
    Size,
    /// A colour, such as `#ffcc00`.
    Color,
    /// A level, such as `-1.0 dB`.
    Decibel,
    /// Bits per second, such as `192k`.
    Bitrate,
    /// A duration, such as `0.3` or `300 ms`.
    Seconds,
    /// A frequency, such as `44100`.
    Hertz,
    /// Dollars with at most six places.
    Money,
    /// A path inside the project.
    Path,
    /// A list of a fixed number of things.
    Exactly(usize, &'static Shape),
    /// A list.
    List(&'static Shape),
    /// A list, or one item of it.
    Items(&'static Shape),
    /// A map with these keys.
    Map(&'static [Key]),
    /// A map from free names.
    MapOf(&'static Shape),
    /// A map with these keys and any others.
    Open(&'static [Key], &'static Shape),
    /// A map whose keys depend on the word at one of them.
    Tagged(&'static str, &'static [(&'static str, &'static [Key])]),
    /// A word alone, or a map of one word with its argument; the keys say which take one.
    Flag(&'static [Key]),
    /// No argument: what stands for itself in a `Flag`.
    Nothing,
    /// The first of these that fits the value's form: single, list or map.
    Either(&'static [Shape]),
    /// Anything.
    Any,
}

impl Shape {
    /// What to write there, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Word(words) => {
                words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Integer(min, max) => match (*min, *max) {
                (i64::MIN, i64::MAX) => "a whole number".to_owned(),
                (min, i64::MAX) => format!("a whole number from {min}"),
                (min, max) => format!("a whole number from {min} to {max}"),
            },
            Self::Number(min, max) => match (min.is_finite(), max.is_finite()) {
                (false, _) => "a number".to_owned(),
                (true, false) => format!("a number from {min}"),
                (true, true) => format!("a number from {min} to {max}"),
            },
            Self::Size => "a size such as `128x128`".to_owned(),
            Self::Color => "a colour such as \"#ffcc00\"".to_owned(),
            Self::Decibel => "a level such as `-1.0 dB`".to_owned(),
            Self::Bitrate => "a bit rate such as `192k`".to_owned(),
            Self::Seconds => "seconds such as `0.3`".to_owned(),
            Self::Hertz => "a sample rate such as `44100`".to_owned(),
            Self::Money => "dollars such as `5.00`".to_owned(),
            Self::Path => "a path inside the project".to_owned(),
            Self::Exactly(count, item) => {
                format!("{count} values in brackets: {}", item.describe())
            }
            Self::List(item) => format!("a list: {}", item.describe()),
            Self::Items(item) => format!("{}, or a list", item.describe()),
            Self::Map(_) | Self::Open(..) | Self::Tagged(..) => "a map".to_owned(),
            Self::MapOf(Self::Any) => "a map".to_owned(),
            Self::MapOf(item) => format!("a map of names: {}", item.describe()),
            Self::Flag(_) => "a word, or a word with its argument".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::Either(shapes) => {
                shapes.iter().map(Self::describe).collect::<Vec<_>>().join(", or ")
            }
            Self::Any => "anything".to_owned(),
        }
    }
}
