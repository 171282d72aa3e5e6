//! How much text is read at all. What is beyond a cap is opaque; no cap hangs on what the text says.

/// Bytes of text. Longer lines are asked about by every client that was looked at (10,000 characters in one of them).
pub const LENGTH: usize = 10_000;
/// Commands, words, redirections, assignments and pieces of words, together.
pub const PARTS: usize = 2_000;
/// Groups, conditions, loops and substitutions within one another. Both parsers are recursive, and the second one reads a
/// substitution again at each level; this keeps the stack below 256 KiB and the time below a millisecond.
pub const NESTING: usize = 12;
/// Texts within texts: `bash -c "bash -c '…'"`, `eval`, wrappers around wrappers.
pub const TEXTS: usize = 6;
/// Words that a brace expansion, a variable or a list may become.
pub const WORDS: usize = 256;
/// Commands, those behind wrappers included.
pub const COMMANDS: usize = 256;
