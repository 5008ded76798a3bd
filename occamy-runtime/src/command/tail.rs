//! The end of a stream, for those who come too late for the rest.

/// How many bytes are kept.
const LENGTH: usize = 1 << 10;

/// The last of what a program wrote.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let excess = (self.bytes.len() + chunk.len()).saturating_sub(LENGTH);
        self.cut |= excess > 0;
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend_from_slice(&chunk[chunk.len().saturating_sub(LENGTH)..]);
    }

    /// The text, without white space around it. An ellipsis stands for what came before.
    pub(super) fn text(&self) -> String {
        // Not in the middle of a character.
        let continues = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
        let skipped =
            if self.cut { self.bytes.iter().take(3).take_while(|&byte| continues(byte)).count() } else { 0 };
        let text = String::from_utf8_lossy(&self.bytes[skipped..]);
        if self.cut { format!("…{}", text.trim_end()) } else { text.trim().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(chunks: &[&[u8]]) -> String {
        let mut tail = Tail::default();
        chunks.iter().for_each(|chunk| tail.push(chunk));
        tail.text()
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[b"no such ", b"file \xff\n\n"]), "no such file \u{fffd}");
        assert_eq!(of(&[&[b'x'; LENGTH]]), "x".repeat(LENGTH));
    }

    #[test]
    fn of_a_long_text_the_end_is_kept() {
        let expected = format!("…{}end", "x".repeat(LENGTH - 3));
        assert_eq!(of(&[&[b'x'; 3 * LENGTH], b"end"]), expected);
        assert_eq!(of(&[&[[b'x'; 3 * LENGTH].as_slice(), b"end"].concat()]), expected);
        assert_eq!(of(&[b"begin", &[b'x'; LENGTH - 3], b"e", b"n", b"d"]), expected);
    }

    #[test]
    fn no_character_is_cut_in_half() {
        assert_eq!(of(&["€".repeat(LENGTH).as_bytes()]), format!("…{}", "€".repeat(LENGTH / 3)));
    }
}
