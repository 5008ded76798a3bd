//! What may stand in a label: names that users choose may be anything.

use metrics::SharedString;

/// So many bytes of a name are kept. What is longer is cut, and names that begin the same are one.
pub const MAX_LABEL_BYTES: usize = 128;

/// The part of a name that is kept.
pub(crate) fn cut(name: &str) -> &str {
    let mut end = name.len().min(MAX_LABEL_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// A name that no exporter stumbles over. Control characters would break lines, and Prometheus' exporter drops some
/// backslashes, by which two names would become one series twice, and the whole scrape invalid.
pub(crate) fn clean(name: &str) -> SharedString {
    let spoils = |c: char| c.is_control() || c == '\\';
    cut(name).replace(spoils, "_").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(1000)).len(), MAX_LABEL_BYTES);
        let umlauts = format!("x{}", "ü".repeat(MAX_LABEL_BYTES));
        assert_eq!(cut(&umlauts).len(), MAX_LABEL_BYTES - 1);
    }

    #[test]
    fn names_are_cleaned() {
        assert_eq!(&*clean("a\nb\\c\u{0}d\u{85}"), "a_b_c_d_");
        assert_eq!(&*clean("größe \"5\" {x=1}"), "größe \"5\" {x=1}");
        assert_eq!(&*clean(""), "");
    }
}
