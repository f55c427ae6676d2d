//! What is kept of a pattern.

/// So many pieces of a pattern are kept of its shape.
const MOST_PIECES: usize = 16;

/// What is left of a pattern without its texts.
pub(super) fn shape(pattern: &str) -> String {
    let mut shape = String::new();
    let mut pieces = 0;
    let mut characters = pattern.chars();
    let mut in_text = false;
    while let Some(character) = characters.next() {
        let piece = match character {
            '*' => "*",
            '?' => "?",
            '[' => {
                // Of a class that is never closed, the rest is a text.
                let class = characters.clone().skip(1).position(|it| it == ']');
                class.map_or("…", |length| {
                    characters.nth(length + 1);
                    "[…]"
                })
            }
            '\\' => {
                characters.next();
                "…"
            }
            _ => "…",
        };
        let is_literal = piece == "…";
        if is_literal && in_text {
            continue;
        }
        in_text = is_literal;
        pieces += 1;
        if pieces > MOST_PIECES {
            break;
        }
        shape.push_str(piece);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn the_shape_of_a_pattern_says_nothing_of_its_texts() {
        for (pattern, expected) in [
            ("", ""),
            ("*", "*"),
            ("user:ada@example.com:*", "…*"),
            ("user:*:photo", "…*…"),
            ("user:?[0-9]*", "…?[…]*"),
            ("user:[]]*", "…[…]*"),
            ("user:[7", "…"),
            ("a\\*b", "…"),
            ("\\", "…"),
        ] {
            assert_eq!(shape(pattern), expected, "{pattern}");
        }
        let long = shape(&"a*".repeat(1000));
        assert_eq!(long.chars().count(), 16);
    }
}
