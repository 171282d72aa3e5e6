//! A tool's options as it reads them itself, held to a list: one that is not on it, in any place, is a refusal.

use super::not_taken;

/// The options that are known to be harmless outside.
#[derive(Clone, Copy)]
pub(crate) struct Grammar {
    /// Single letters without a value.
    pub(crate) flags: &'static str,
    /// Single letters with one.
    pub(crate) valued: &'static str,
    /// Long names without a value.
    pub(crate) long: &'static [&'static str],
    /// Long names with one.
    pub(crate) long_valued: &'static [&'static str],
}

/// An option, and its value.
pub(crate) type Given<'a> = (&'a str, Option<&'a str>);

/// Words read up to the first that is no option.
pub(crate) struct Leading<'a, 'w> {
    pub(crate) options: Vec<Given<'a>>,
    /// The first plain word, and what follows.
    pub(crate) rest: &'w [&'a str],
    /// `--` was before it.
    ended: bool,
}

impl Grammar {
    /// Reads options up to the first plain word, as `getopt(3)` of BSD does.
    ///
    /// # Errors
    /// One that is not on the list, or lacks its value.
    pub(crate) fn leading<'a, 'w>(&self, words: &'w [&'a str]) -> Result<Leading<'a, 'w>, String> {
        let mut options = Vec::new();
        let mut left = words;
        while let Some((word, behind)) = left.split_first() {
            if *word == "--" {
                return Ok(Leading { options, rest: behind, ended: true });
            }
            let (read, takes_next) = if let Some(name) = word.strip_prefix("--") {
                self.long(word, name)?
            } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                self.cluster(word, cluster)?
            } else {
                break;
            };
            options.extend(read);
            left = behind;
            if takes_next {
                let (value, behind) = left.split_first().ok_or_else(|| not_taken(word))?;
                if let Some(last) = options.last_mut() {
                    last.1 = Some(value);
                }
                left = behind;
            }
        }
        Ok(Leading { options, rest: left, ended: false })
    }

    /// Reads options wherever they stand: they, and the plain words.
    ///
    /// # Errors
    /// As [`Grammar::leading`].
    pub(crate) fn anywhere<'a>(&self, words: &[&'a str]) -> Result<(Vec<Given<'a>>, Vec<&'a str>), String> {
        let (mut options, mut plain) = (Vec::new(), Vec::new());
        let mut left = words;
        loop {
            let read = self.leading(left)?;
            options.extend(read.options);
            if read.ended {
                plain.extend(read.rest);
                return Ok((options, plain));
            }
            let Some((word, behind)) = read.rest.split_first() else { return Ok((options, plain)) };
            plain.push(*word);
            left = behind;
        }
    }

    fn long<'a>(&self, word: &'a str, name: &'a str) -> Result<(Vec<Given<'a>>, bool), String> {
        match name.split_once('=') {
            Some((name, value)) if self.long_valued.contains(&name) => Ok((vec![(name, Some(value))], false)),
            None if self.long_valued.contains(&name) => Ok((vec![(name, None)], true)),
            None if self.long.contains(&name) => Ok((vec![(name, None)], false)),
            Some(_) | None => Err(not_taken(word)),
        }
    }

    fn cluster<'a>(&self, word: &'a str, cluster: &'a str) -> Result<(Vec<Given<'a>>, bool), String> {
        let mut read = Vec::new();
        for (at, letter) in cluster.char_indices() {
            let end = at + letter.len_utf8();
            let name = cluster.get(at..end).unwrap_or_default();
            if self.valued.contains(letter) {
                let behind = cluster.get(end..).filter(|behind| !behind.is_empty());
                read.push((name, behind));
                return Ok((read, behind.is_none()));
            }
            if !self.flags.contains(letter) {
                return Err(not_taken(word));
            }
            read.push((name, None));
        }
        Ok((read, false))
    }
}
