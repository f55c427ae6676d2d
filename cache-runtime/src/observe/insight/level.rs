//! How far something is from what is usual.

use serde::Serialize;

/// How far something is from what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// There is nothing to do.
    #[default]
    Usual,
    /// It is worth a look.
    Warning,
    /// The cache is of little use like this, or takes from the machine what others need.
    Critical,
}

impl Level {
    /// A warning from the first on, critical from the second on.
    pub(super) fn of(number: u64, [warning, critical]: [u64; 2]) -> Self {
        if number >= critical {
            Self::Critical
        } else if number >= warning {
            Self::Warning
        } else {
            Self::Usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::invalidations::PER_HOUR;
    use super::super::performance::MEMORY;
    use super::Level::{self, Critical, Usual, Warning};

    #[test]
    fn mon_2_levels_begin_at_their_numbers() {
        const MB: u64 = 1024 * 1024;
        for (levels, rows) in [
            (
                PER_HOUR,
                [
                    (0, Usual),
                    (49, Usual),
                    (50, Warning),
                    (99, Warning),
                    (100, Critical),
                ],
            ),
            (
                MEMORY,
                [
                    (0, Usual),
                    (50 * MB - 1, Usual),
                    (50 * MB, Warning),
                    (100 * MB - 1, Warning),
                    (100 * MB, Critical),
                ],
            ),
        ] {
            for (number, expected) in rows {
                assert_eq!(Level::of(number, levels), expected, "{number}");
            }
            assert_eq!(Level::of(u64::MAX, levels), Critical);
        }
    }
}
