//! Scripts of sed and awk that only look at text: nothing is run, written, or read by a name that stands in the script.

/// Whether a script of sed (POSIX, and GNU's additions) only prints, deletes and replaces.
pub(super) fn sed(script: &str) -> bool {
    let mut rest = Rest(script);
    loop {
        rest.skip(|c| c.is_ascii_whitespace() || matches!(c, ';' | '{' | '}'));
        if rest.0.is_empty() {
            return true;
        }
        if !(rest.address() && command(&mut rest)) {
            return false;
        }
    }
}

fn command(rest: &mut Rest<'_>) -> bool {
    rest.skip(|c| c == ' ' || c == '!');
    match rest.next() {
        Some('{' | '}' | '=' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'p' | 'P' | 'x' | 'z' | 'F') => true,
        Some('q' | 'Q' | 'l' | 'L') => {
            rest.skip(|c| c == ' ' || c.is_ascii_digit());
            true
        }
        Some('s') => {
            let Some(delimiter) = rest.next().filter(|c| !matches!(c, '\\' | '\n')) else { return false };
            if !(rest.until(delimiter) && rest.until(delimiter)) {
                return false;
            }
            rest.skip(|c| matches!(c, 'g' | 'p' | 'i' | 'I' | 'm' | 'M') || c.is_ascii_digit());
            rest.ends()
        }
        Some('y') => {
            let Some(delimiter) = rest.next().filter(|c| !matches!(c, '\\' | '\n')) else { return false };
            rest.until(delimiter) && rest.until(delimiter)
        }
        Some('#' | ':' | 'b' | 't' | 'T' | 'a' | 'i' | 'c') => {
            // Labels and text go to the end of the line; text with a backslash goes on.
            let line = rest.0.split('\n').next().unwrap_or_default();
            rest.0 = rest.0.get(line.len()..).unwrap_or_default();
            !line.contains('\\') && !line.contains(['{', '}', ';'])
        }
        _ => false,
    }
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.0.chars().next()?;
        self.0 = self.0.get(next.len_utf8()..).unwrap_or_default();
        Some(next)
    }

    fn skip(&mut self, fits: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(fits);
    }

    /// Whether a command ends here.
    fn ends(&self) -> bool {
        self.0.trim_start_matches(' ').chars().next().is_none_or(|c| matches!(c, ';' | '\n' | '}'))
    }

    /// Up to and over a delimiter.
    fn until(&mut self, delimiter: char) -> bool {
        while let Some(next) = self.next() {
            match next {
                '\\' if self.next().is_none() => return false,
                '\\' => {}
                // A delimiter in brackets counts for some and not for others.
                '[' if self.0.split(']').next().is_some_and(|inside| inside.contains(delimiter)) => return false,
                _ if next == delimiter => return true,
                _ => {}
            }
        }
        false
    }

    /// `1`, `$`, `/x/`, `1,5`, `1~2`, `/x/,+3`
    fn address(&mut self) -> bool {
        loop {
            match self.0.chars().next() {
                Some('/') => {
                    self.next();
                    if !self.until('/') {
                        return false;
                    }
                    self.skip(|c| matches!(c, 'I' | 'M'));
                }
                Some('\\') => {
                    self.next();
                    let Some(delimiter) = self.next() else { return false };
                    if !self.until(delimiter) {
                        return false;
                    }
                    self.skip(|c| matches!(c, 'I' | 'M'));
                }
                Some('0'..='9' | '$' | ',' | '+' | '~' | ' ') => {
                    self.next();
                }
                _ => return true,
            }
        }
    }
}

/// Whether a program of awk only prints what it reads: no command, no file, no code of others. What is not sure is not.
pub(super) fn awk(program: &str) -> bool {
    !["system", "getline", "ARGV", "ENVIRON", "PROCINFO", "SYMTAB", "FUNCTAB"].iter().any(|word| program.contains(word))
        && !program.contains(['|', '>', '<', '@', '\\'])
}

#[cfg(test)]
mod tests {
    use super::{awk, sed};

    #[test]
    fn scripts_of_sed() {
        for script in "10p ¦ $p ¦ 1,5p;10,12p ¦ = ¦ /fn main/,/^}/p ¦ s/a/b/g ¦ s|/usr|/opt|gp ¦ y/abc/xyz/ ¦ \
            \\,x,p ¦ /^$/d"
            .split(" ¦ ")
        {
            assert!(sed(script), "{script}");
        }
        for script in "s/[/]/x/ ¦ 1e id ¦ e ¦ w out ¦ W out ¦ s/a/b/e ¦ s/a/b/w out ¦ s/a/b/gw out ¦ \
            r /etc/passwd ¦ 1!e id ¦ /x/{p;e id\n} ¦ \\,x,e id ¦ a\\\ne id ¦ p\ne id ¦ #n\ne id ¦ \
            :a;N;$!ba"
            .split(" ¦ ")
        {
            assert!(!sed(script), "{script}");
        }
    }

    #[test]
    fn programs_of_awk() {
        for (program, plain) in [
            ("{print $1}", true),
            ("NR==1{print; exit}", true),
            ("BEGIN{system(\"id\")}", false),
            ("{print | \"sh\"}", false),
            ("{print > \"x\"}", false),
            ("@load \"x\"", false),
            ("{\"id\" | getline}", false),
        ] {
            assert_eq!(awk(program), plain, "{program}");
        }
    }
}
