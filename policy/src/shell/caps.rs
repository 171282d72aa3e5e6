//! How much text is read at all. What is beyond a cap is opaque; no cap hangs on what the text says.

/// Bytes of text. Longer lines are asked about by every client that was looked at (10,000 characters in one of them).
pub const LENGTH: usize = 10_000;
/// Commands, words, redirections, assignments and pieces of words, together; four bytes of arithmetic count as one.
pub const PARTS: usize = 1_000;
/// Groups, conditions, loops and substitutions within one another. Both parsers are recursive, and the second one reads a
/// substitution again at each level; this keeps the stack below 256 KiB and the time below a millisecond.
pub const NESTING: usize = 12;
/// Texts within texts: `bash -c "bash -c '…'"`, `eval`, wrappers around wrappers.
pub const TEXTS: usize = 6;
/// Words that a brace expansion, a variable or a list may become.
pub const WORDS: usize = 256;
/// Commands, those behind wrappers included.
pub const COMMANDS: usize = 128;
/// Bytes that words are filled with, over all of a text: what variables hold, each time, and what braces repeat. A variable that is
/// set to itself twice, and again, would be longer than any memory.
pub const GROWTH: usize = 1 << 16;
/// Bytes of that for each word that braces make.
pub const BESIDES: usize = 192;
/// Bytes of that for each word behind a wrapper.
pub const WRAPPED: usize = 96;
/// Bytes that the second parser reads once more, since they stand in texts within the text.
pub const AGAIN: usize = 10_000;
/// Words of one `[[ … ]]`: the second parser goes one level in for each condition.
pub const TEST: usize = 64;
/// Characters that split words.
pub const SEPARATORS: usize = 16;
/// Places that are told for one reason.
pub const TOLD: usize = 32;
