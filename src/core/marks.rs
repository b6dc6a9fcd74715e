//! [`marks!`](crate::marks): named situations that a search or a run must have seen.
//!
//! May import: nothing.

/// Declares an enum of situations, each with its stable text, in the order in which they are printed.
///
/// The enum gets `ALL`, and `text`, which is `const`, so that a list of texts can be a constant. Attributes of the enum
/// and of a variant are kept; the text of a variant begins its documentation.
///
/// ```
/// cutover::core::marks! {
///     /// A situation in an election.
///     #[derive(Clone, Copy, PartialEq, Eq, Debug)]
///     pub enum Mark {
///         Won "an election won",
///         Tied "an election without a winner",
///     }
/// }
/// assert_eq!(Mark::ALL, [Mark::Won, Mark::Tied]);
/// assert_eq!(Mark::Won.text(), "an election won");
/// ```
#[macro_export]
macro_rules! marks {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident $text:literal),* $(,)? }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $(
                #[doc = concat!($text, "\n\n")]
                $(#[$doc])*
                $variant,
            )*
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable text, as it is printed and stored.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}
