//! A path call in words, for those who are asked about it: what it would do, as far as the call itself says.

use crate::call::{Change, Last, Of, Spot, What};

/// What a call would do to the path that it met a wall at.
pub(crate) fn of(what: &What) -> String {
    match what {
        What::Open { flags, .. } => opening(*flags),
        What::MakeDirectory { .. } => "make a directory".to_owned(),
        What::MakeNode { .. } => "make a file, pipe or socket".to_owned(),
        What::Unlink { flags: 0, .. } => "remove it".to_owned(),
        What::Unlink { .. } => "remove the directory".to_owned(),
        What::Rename { from, to, flags } if flags & libc::RENAME_EXCHANGE != 0 => {
            format!("exchange {} and {}", shown(from), shown(to))
        }
        What::Rename { from, to, flags } if flags & libc::RENAME_NOREPLACE != 0 => {
            format!("rename {} to {}", shown(from), shown(to))
        }
        What::Rename { from, to, .. } => format!("rename {} to {}, in place of what is there", shown(from), shown(to)),
        What::Link { from: Of::Path(from, Last::Itself | Last::Followed), to } => {
            format!("give {} a second name, {}", shown(from), shown(to))
        }
        What::Link { to, .. } => format!("give an open file the name {}", shown(to)),
        What::Symlink { target, at } => {
            format!("make {} a symlink to \"{}\"", shown(at), target.to_bytes().escape_ascii())
        }
        What::Alter { change, .. } => altering(change),
        What::Bind { .. } => "make a socket there".to_owned(),
        What::Look { at, .. } => format!("look at {}", shown(at)),
        What::Umask => "change its umask".to_owned(),
    }
}

fn opening(flags: i32) -> String {
    let first = match (flags & libc::O_TRUNC != 0, flags & libc::O_EXCL != 0) {
        (true, _) => "empty it, and ",
        (false, true) => "create it, and ",
        (false, false) => "",
    };
    let reads = if flags & libc::O_ACCMODE == libc::O_RDWR { "reading what stands there and " } else { "" };
    let writes = if flags & (libc::O_APPEND | libc::O_TRUNC) == libc::O_APPEND { "appending" } else { "writing" };
    format!("{first}open it for {reads}{writes}: what will be written is not known yet")
}

fn altering(change: &Change) -> String {
    match change {
        Change::Mode(mode) => format!("set its mode to {:o}", mode & 0o7777),
        Change::Owner(u32::MAX, group) => format!("give it to group {group}"),
        Change::Owner(user, u32::MAX) => format!("give it to user {user}"),
        Change::Owner(user, group) => format!("give it to user {user} and group {group}"),
        Change::Times(_) => "set its times".to_owned(),
        Change::Length(length) => format!("cut or lengthen it to {length} bytes"),
        Change::Attribute(name, value) => {
            let verb = if value.is_some() { "set" } else { "remove" };
            format!("{verb} its attribute \"{}\"", name.to_bytes().escape_ascii())
        }
    }
}

/// A path as its caller gave it, in letters that hide nothing.
fn shown(at: &Spot) -> String {
    format!("\"{}\"", at.path.to_bytes().escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Base;

    fn at(path: &std::ffi::CStr) -> Spot {
        Spot { base: Base::Cwd, path: path.to_owned() }
    }

    #[test]
    fn calls_say_what_they_would_do() {
        let alter = |change| What::Alter { of: Of::Open(3), change };
        let open = |flags| What::Open { at: at(c"a"), flags, mode: 0 };
        for (what, words) in [
            (What::Unlink { at: at(c"a"), flags: 0 }, "remove it"),
            (
                What::Rename { from: at(c"a\n\x1b[1m"), to: at(c"b"), flags: 0 },
                "rename \"a\\n\\x1b[1m\" to \"b\", in place of what is there",
            ),
            (alter(Change::Mode(0o600)), "set its mode to 600"),
            (alter(Change::Owner(u32::MAX, 5)), "give it to group 5"),
            (open(libc::O_WRONLY | libc::O_APPEND), "open it for appending: what will be written is not known yet"),
            (
                open(libc::O_WRONLY | libc::O_TRUNC | libc::O_CREAT),
                "empty it, and open it for writing: what will be written is not known yet",
            ),
        ] {
            assert_eq!(of(&what), words);
        }
    }
}
