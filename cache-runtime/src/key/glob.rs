//! Globs as Redis understands them, for the keys in memory: `*`, `?`, `[a-z]`, `[^a-z]`, `\`.

use std::str::Chars;

/// Whether the whole of `text` matches. Takes time in proportion to the product of the lengths,
/// whatever the pattern is.
pub(crate) fn glob_match(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // Where to go on when the characters after the last star do not fit: one further in the text.
    let mut after_star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let mut rest = pattern.clone();
        if rest.next() == Some('*') {
            after_star = Some((rest.clone(), text.clone()));
            pattern = rest;
            continue;
        }
        let mut text_rest = text.clone();
        let fits = match (text_rest.next(), pattern.clone().next()) {
            (None, None) => return true,
            (Some(character), Some(_)) => take_one(&pattern, character),
            _ => None,
        };
        if let Some(rest) = fits {
            pattern = rest;
            text = text_rest;
            continue;
        }
        let Some((pattern_again, text_again)) = &mut after_star else {
            return false;
        };
        if text_again.next().is_none() {
            return false;
        }
        pattern = pattern_again.clone();
        text = text_again.clone();
    }
}

/// The pattern after its first element, if that element takes the character.
fn take_one<'p>(pattern: &Chars<'p>, character: char) -> Option<Chars<'p>> {
    let mut rest = pattern.clone();
    let takes = match rest.next()? {
        '?' => true,
        '[' => class_takes(&mut rest, character),
        '\\' => rest.next().unwrap_or('\\') == character,
        literal => literal == character,
    };
    takes.then_some(rest)
}

/// Reads a class up to and including its `]`, or to the end of the pattern.
fn class_takes(class: &mut Chars<'_>, character: char) -> bool {
    let negated = next_if(class, '^');
    let mut takes = false;
    while let Some(mut first) = class.next() {
        match first {
            ']' => break,
            '\\' => first = class.next().unwrap_or('\\'),
            _ => {}
        }
        let mut last = first;
        if next_if(class, '-') {
            last = class.next().unwrap_or('-');
        }
        takes |= (first.min(last)..=first.max(last)).contains(&character);
    }
    takes != negated
}

fn next_if(characters: &mut Chars<'_>, expected: char) -> bool {
    let is_next = characters.as_str().starts_with(expected);
    if is_next {
        characters.next();
    }
    is_next
}

#[cfg(test)]
mod tests {
    use super::glob_match;

    #[test]
    fn globs_match_as_redis_matches_them() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("user:*", "user:1", true),
            ("user:*", "users:1", false),
            ("*:1", "user:1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("[a", "a", true),
            ("", "", true),
            ("", "a", false),
            ("größe?", "größe1", true),
        ] {
            assert_eq!(glob_match(pattern, text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn no_pattern_takes_for_ever() {
        for element in ["a*", "[^b]*", "?*", r"\a*", "**a"] {
            assert!(
                !glob_match(&element.repeat(1000), &"a".repeat(900)),
                "{element}"
            );
        }
        // Another look at the rest of the pattern with each step would take hours.
        let classes = format!("*{}b", "[^b]".repeat(2000));
        assert!(!glob_match(&classes, &"a".repeat(4000)));
    }
}
