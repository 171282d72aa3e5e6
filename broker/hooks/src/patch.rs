//! Codex's patch format, as far as it says which files it touches.

use tollgate_policy::action::Access;

use crate::event::Touch;
use crate::payload::Misread;

/// Headers that name a file. `Move to` names the new place of the file before it.
const HEADERS: [&str; 4] = ["*** Add File:", "*** Update File:", "*** Delete File:", "*** Move to:"];

/// Lines with three stars that name none.
const OTHERS: [&str; 4] = ["*** Begin Patch", "*** End Patch", "*** End of File", "***************"];

/// Every file that a patch may touch. A line counts as a header wherever it stands and however it is indented: the
/// client's own reader is lenient, and one file too many only makes the judge stricter.
///
/// # Errors
/// [`Misread`] where it is no patch, names nothing, or has a header that is not known.
pub(crate) fn touched(text: &str) -> Result<Vec<Touch>, Misread> {
    let fault = |what: &str| Misread::Field(format!("the patch {what}"));
    if !text.contains("*** Begin Patch") {
        return Err(fault("does not begin with `*** Begin Patch`"));
    }
    let mut touched: Vec<Touch> = Vec::new();
    for line in text.lines() {
        let header = line.trim();
        let path = HEADERS.iter().find_map(|known| header.strip_prefix(known)).map(str::trim);
        match path {
            Some("") => return Err(fault("names a file without a name")),
            Some(path) => {
                let change = format!("{header}\n");
                touched.push(Touch { path: path.to_owned(), access: Access::Write, change });
            }
            None if line.starts_with("***") && !OTHERS.iter().any(|known| header.starts_with(known)) => {
                return Err(fault("has a header that is not known"));
            }
            None => {
                if let Some(last) = touched.last_mut() {
                    last.change.push_str(line);
                    last.change.push('\n');
                }
            }
        }
    }
    if touched.is_empty() { Err(fault("names no file")) } else { Ok(touched) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        touched(text).ok().map(|list| list.into_iter().map(|touch| touch.path).collect())
    }

    #[test]
    fn every_file_is_named() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("*** Begin Patch\n*** Add File: a\n+x\n*** End Patch", Some(&["a"])),
            ("*** Begin Patch\n*** Update File: a\n*** Move to: ../b\n@@\n-x\n+y\n*** End Patch", Some(&["a", "../b"])),
            ("*** Begin Patch\n*** Delete File: /etc/x\n*** End Patch\n", Some(&["/etc/x"])),
            ("<<'EOF'\n*** Begin Patch\n  *** Add File:  a b \n+x\n*** End Patch\nEOF", Some(&["a b"])),
            ("*** Begin Patch\n*** Add File: a\n+*** Add File: no\n*** End Patch", Some(&["a"])),
            ("*** Begin Patch\n*** Update File: a\n *** Add File: b\n*** End Patch", Some(&["a", "b"])),
            ("*** Begin Patch\n*** Copy File: a\n*** End Patch", None),
            ("*** Begin Patch\n*** Add File:\n*** End Patch", None),
            ("*** Begin Patch\n*** End Patch", None),
            ("rm -rf /", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|list| list.iter().map(ToString::to_string).collect());
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
