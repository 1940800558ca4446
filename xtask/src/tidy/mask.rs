//! Blanks out what is not code in Rust text: comments and the insides of literals.
//!
//! A rule that looks for a word or counts braces must not be misled by strings. This knows the
//! lexical grammar just well enough: nested comments, escapes, raw strings, and how a lifetime
//! differs from a character.
//!
//! Invariant: the result has as many bytes and the same line ends as the text, so positions
//! and line numbers agree.

/// The text with comments and the insides of string and character literals replaced by spaces.
/// Quotes stay.
pub(crate) fn mask(text: &str) -> String {
    let mut masker = Masker { bytes: text.as_bytes(), at: 0, out: Vec::with_capacity(text.len()) };
    while masker.at < masker.bytes.len() {
        masker.step();
    }
    // Only whole characters were kept or blanked, so this is UTF-8 still.
    String::from_utf8_lossy(&masker.out).into_owned()
}

struct Masker<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Masker<'_> {
    /// Takes one token, or one byte of code.
    fn step(&mut self) {
        if self.starts_with(b"//") {
            while self.peek(0).is_some_and(|byte| byte != b'\n') {
                self.blank();
            }
        } else if self.starts_with(b"/*") {
            self.block_comment();
        } else if self.peek(0) == Some(b'"') {
            self.string();
        } else if self.peek(0) == Some(b'\'') {
            self.quote();
        } else if !self.after_word() && self.raw_string() {
            // Taken.
        } else {
            self.keep();
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, wanted: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(wanted)
    }

    fn after_word(&self) -> bool {
        self.at > 0 && is_word(self.bytes[self.at - 1])
    }

    fn keep(&mut self) {
        self.out.extend(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self) {
        self.out.extend(self.peek(0).map(|byte| if byte == b'\n' { byte } else { b' ' }));
        self.at += 1;
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            if self.starts_with(b"/*") {
                depth += 1;
                self.blank();
            } else if self.starts_with(b"*/") {
                depth -= 1;
                self.blank();
            }
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => return self.keep(),
                b'\\' => {
                    self.blank();
                    self.blank();
                }
                _ => self.blank(),
            }
        }
    }

    /// A character, a byte character or the quote of a lifetime.
    fn quote(&mut self) {
        let escaped = self.peek(1) == Some(b'\\');
        let width = self.peek(1).map_or(1, character_width);
        if !escaped && self.peek(1 + width) != Some(b'\'') {
            return self.keep();
        }
        self.keep();
        if escaped {
            self.blank();
            self.blank();
        }
        while self.peek(0).is_some_and(|byte| byte != b'\'' && byte != b'\n') {
            self.blank();
        }
        self.keep();
    }

    /// Takes a raw string, if one begins here: `r"`, `r#"`, `br"`, `cr"`...
    fn raw_string(&mut self) -> bool {
        let prefix = match self.peek(0) {
            Some(b'r') => 1,
            Some(b'b' | b'c') if self.peek(1) == Some(b'r') => 2,
            _ => return false,
        };
        let rest = &self.bytes[self.at + prefix..];
        let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
        if rest.get(hashes) != Some(&b'"') {
            return false;
        }
        for _ in 0..=prefix + hashes {
            self.keep();
        }
        let end: Vec<u8> = [b'"'].into_iter().chain((0..hashes).map(|_| b'#')).collect();
        while self.at < self.bytes.len() && !self.starts_with(&end) {
            self.blank();
        }
        for _ in 0..end.len() {
            self.keep();
        }
        true
    }
}

/// Whether a byte can be part of a word of Rust.
pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The positions where `word` stands in `code` with no word character on either side.
pub(crate) fn find_words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let end = at + word.len();
        let in_word = |at: usize| bytes.get(at).copied().is_some_and(is_word);
        let goes_on = in_word(end) || (at > 0 && in_word(at - 1));
        !goes_on
    })
}

const fn character_width(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards every rule on code against words and braces in comments and literals.
    #[test]
    fn comments_and_literals_are_blank() {
        let cases = [
            ("a // b {\nc", "a       \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a /* b\n { */ c", "a     \n      c"),
            (r#"f("{ \" }", x)"#, r#"f("      ", x)"#),
            (r##"f(r#"{ " \"#, x)"##, r##"f(r#"     "#, x)"##),
            (r#"f(br"\", x)"#, r#"f(br" ", x)"#),
            ("f('{', b'\\'', '\\u{7b}', '\"')", "f(' ', b'  ', '      ', ' ')"),
            ("f('\u{e9}', x)", "f('  ', x)"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("'outer: loop { break 'outer; }", "'outer: loop { break 'outer; }"),
            ("for_r\"x\"", "for_r\" \""),
            ("r#type + r", "r#type + r"),
            ("x /* never closed {", "x                  "),
            ("\"never closed {", "\"              "),
            ("r#\"never closed {\"", "r#\"               "),
        ];
        for (text, wanted) in cases {
            assert_eq!(mask(text), wanted, "{text}");
            assert_eq!(mask(text).len(), text.len());
        }
    }

    // Guards word searches against parts of longer words.
    #[test]
    fn words_have_ends() {
        let found: Vec<_> = find_words("loom uds_loom loomy loom::x (loom)", "loom").collect();
        assert_eq!(found, [0, 20, 29]);
    }
}
