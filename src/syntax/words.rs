//! The words of the language.

use std::fmt;

/// A word the grammar knows. All are contextual but the [reserved](Word::is_reserved) ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the word it names")]
pub enum Word {
    Use,
    Let,
    Device,
    Prices,
    Model,
    Results,
    Law,
    Start,
    Budget,
    Recipe,
    Search,
    Emit,
    From,
    Trainer,
    Fitted,
    Best,
    Of,
    Require,
    Prefer,
    Least,
    Most,
    On,
    Within,
    Loss,
    In,
    Step,
    By,
    To,
    And,
    Or,
    Not,
    Divides,
    As,
    At,
    Column,
    True,
    False,
}

impl Word {
    /// The words that begin a definition.
    pub const DEFINITIONS: [Self; 12] = [
        Self::Use,
        Self::Let,
        Self::Device,
        Self::Prices,
        Self::Model,
        Self::Results,
        Self::Law,
        Self::Start,
        Self::Budget,
        Self::Recipe,
        Self::Search,
        Self::Emit,
    ];

    /// Every word.
    pub const ALL: [Self; 37] = [
        Self::Use,
        Self::Let,
        Self::Device,
        Self::Prices,
        Self::Model,
        Self::Results,
        Self::Law,
        Self::Start,
        Self::Budget,
        Self::Recipe,
        Self::Search,
        Self::Emit,
        Self::From,
        Self::Trainer,
        Self::Fitted,
        Self::Best,
        Self::Of,
        Self::Require,
        Self::Prefer,
        Self::Least,
        Self::Most,
        Self::On,
        Self::Within,
        Self::Loss,
        Self::In,
        Self::Step,
        Self::By,
        Self::To,
        Self::And,
        Self::Or,
        Self::Not,
        Self::Divides,
        Self::As,
        Self::At,
        Self::Column,
        Self::True,
        Self::False,
    ];

    /// The word written so.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "use" => Self::Use,
            "let" => Self::Let,
            "device" => Self::Device,
            "prices" => Self::Prices,
            "model" => Self::Model,
            "results" => Self::Results,
            "law" => Self::Law,
            "start" => Self::Start,
            "budget" => Self::Budget,
            "recipe" => Self::Recipe,
            "search" => Self::Search,
            "emit" => Self::Emit,
            "from" => Self::From,
            "trainer" => Self::Trainer,
            "fitted" => Self::Fitted,
            "best" => Self::Best,
            "of" => Self::Of,
            "require" => Self::Require,
            "prefer" => Self::Prefer,
            "least" => Self::Least,
            "most" => Self::Most,
            "on" => Self::On,
            "within" => Self::Within,
            "loss" => Self::Loss,
            "in" => Self::In,
            "step" => Self::Step,
            "by" => Self::By,
            "to" => Self::To,
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "divides" => Self::Divides,
            "as" => Self::As,
            "at" => Self::At,
            "column" => Self::Column,
            "true" => Self::True,
            "false" => Self::False,
            _ => return None,
        })
    }

    /// As written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Let => "let",
            Self::Device => "device",
            Self::Prices => "prices",
            Self::Model => "model",
            Self::Results => "results",
            Self::Law => "law",
            Self::Start => "start",
            Self::Budget => "budget",
            Self::Recipe => "recipe",
            Self::Search => "search",
            Self::Emit => "emit",
            Self::From => "from",
            Self::Trainer => "trainer",
            Self::Fitted => "fitted",
            Self::Best => "best",
            Self::Of => "of",
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Least => "least",
            Self::Most => "most",
            Self::On => "on",
            Self::Within => "within",
            Self::Loss => "loss",
            Self::In => "in",
            Self::Step => "step",
            Self::By => "by",
            Self::To => "to",
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
            Self::Divides => "divides",
            Self::As => "as",
            Self::At => "at",
            Self::Column => "column",
            Self::True => "true",
            Self::False => "false",
        }
    }

    /// Whether it begins a definition.
    pub fn is_definition(self) -> bool {
        Self::DEFINITIONS.contains(&self)
    }

    /// Whether it has its meaning everywhere: it names no definition, no value and no unit.
    pub const fn is_reserved(self) -> bool {
        matches!(
            self,
            Self::Of
                | Self::Within
                | Self::In
                | Self::Step
                | Self::By
                | Self::To
                | Self::And
                | Self::Or
                | Self::Not
                | Self::Divides
                | Self::As
                | Self::At
                | Self::Column
                | Self::True
                | Self::False
        )
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for word in Word::ALL {
            assert_eq!(Word::from_text(word.text()), Some(word));
        }
    }
}
