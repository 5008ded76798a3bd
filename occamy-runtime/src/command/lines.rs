//! Output cut into lines of bounded length.

/// How many bytes are kept of a line.
pub(super) const MAX_LINE: usize = 8 << 10;

/// Puts lines together from chunks of any size.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    cut: bool,
    complete: bool,
}

impl Lines {
    /// Takes bytes from the front of the chunk, up to the end of a line if there is one. True if that completes a line,
    /// which [`line`](Self::line) then gives until the next call; false if the chunk is used up.
    pub(super) fn take(&mut self, chunk: &mut &[u8]) -> bool {
        if std::mem::take(&mut self.complete) {
            self.line.clear();
            self.cut = false;
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
        let kept = part.len().min(MAX_LINE - self.line.len());
        self.line.extend_from_slice(&part[..kept]);
        self.cut |= kept < part.len();
        *chunk = rest.get(1..).unwrap_or_default();
        self.complete = end.is_some();
        self.complete
    }

    /// The output is over. True if it ended in a line without an end, which [`line`](Self::line) then gives.
    pub(super) fn finish(&mut self) -> bool {
        let unfinished = !self.complete && !self.line.is_empty();
        self.complete = true;
        unfinished
    }

    /// The line, without its end, and whether it was cut.
    pub(super) fn line(&self) -> (&[u8], bool) {
        (&self.line, self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut keep = |lines: &Lines| all.push((lines.line().0.to_vec(), lines.line().1));
        for mut chunk in chunks.iter().copied() {
            while lines.take(&mut chunk) {
                keep(&lines);
            }
            assert!(chunk.is_empty());
        }
        if lines.finish() {
            keep(&lines);
        }
        assert!(!lines.finish());
        all
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let text = b"one\n\ntwo \xff\nthree";
        let expected: Vec<(Vec<u8>, bool)> =
            [&b"one"[..], b"", b"two \xff", b"three"].map(|line| (line.to_vec(), false)).into();
        for size in 1..=text.len() {
            let chunks = text.chunks(size).collect::<Vec<_>>();
            assert_eq!(all(&chunks), expected, "in chunks of {size}");
        }
        assert_eq!(all(&[b"ended\n"]), [(b"ended".to_vec(), false)]);
        assert_eq!(all(&[b""]), []);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_whole() {
        let just = [b'x'; MAX_LINE];
        let long = [b'x'; MAX_LINE + 1];
        let expected = [(just.to_vec(), true), (b"next".to_vec(), false), (just.to_vec(), false)];
        assert_eq!(all(&[&long, b"more", b"\nnext\n", &just]), expected);
        assert_eq!(all(&[&just, b"", b"x"]), [(just.to_vec(), true)]);
    }
}
