//! The rules by which a drawn function is edited.

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    /// A condition is negated.
    Negate,
    /// A statement is left out.
    Drop,
    /// A comparison, or a number, is off by one.
    OffByOne,
    /// Two arguments, or two fields, are swapped.
    Swap,
    /// The value that was there is kept: an assignment is left out.
    Older,
    /// A check that returns early is left out, or a condition that guards.
    Skip,
}

impl Rule {
    /// For the name of a file.
    pub(super) const fn slug(self) -> &'static str {
        match self {
            Self::Negate => "negate",
            Self::Drop => "drop",
            Self::OffByOne => "off-by-one",
            Self::Swap => "swap",
            Self::Older => "older",
            Self::Skip => "skip",
        }
    }

    /// For the header of a patch.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Negate => "a condition is negated",
            Self::Drop => "a statement is left out",
            Self::OffByOne => "off by one",
            Self::Swap => "two values are swapped",
            Self::Older => "the older value is kept",
            Self::Skip => "a check is skipped",
        }
    }
}
