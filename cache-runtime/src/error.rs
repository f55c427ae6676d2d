//! Every error that setting up and operating a cache can give. A call of an annotated function
//! never sees one.

/// Why a cache could not be configured, built or reached.
///
/// No message contains a password, an argument or a cached value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Settings that no cache can be built from; all of them, not just the first.
    #[error("invalid cache configuration: {}", lines(problems, warnings))]
    Configuration {
        /// One sentence for each problem: the setting, what was found and in which source, what is
        /// expected.
        problems: Vec<String>,
        /// What would work, and most likely not as it was meant.
        warnings: Vec<String>,
    },

    /// An argument that this operation does not take.
    #[error("{subject}: found {found}, expected {expected}")]
    Validation {
        /// What was looked at.
        subject: &'static str,
        /// What it was.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },

    /// A store that has to be there is not.
    #[error("{store} is not reachable: {reason}")]
    Infrastructure {
        /// The setting with the address of the store, and that, without user and password.
        store: String,
        /// What the store or the network said.
        reason: String,
    },
}

/// A line for each, unless there is one alone.
fn lines(problems: &[String], warnings: &[String]) -> String {
    if let ([problem], []) = (problems, warnings) {
        return problem.clone();
    }
    let problems = problems.iter().map(|it| format!("\n- {it}"));
    let warnings = warnings.iter().map(|it| format!("\n- warning: {it}"));
    problems.chain(warnings).collect()
}

impl CacheError {
    pub(crate) fn configuration(problem: impl Into<String>) -> Self {
        Self::Configuration {
            problems: vec![problem.into()],
            warnings: Vec::new(),
        }
    }

    /// What is wrong with the settings, where that is it.
    pub(crate) fn problems(&self) -> &[String] {
        match self {
            Self::Configuration { problems, .. } => problems,
            Self::Validation { .. } | Self::Infrastructure { .. } => &[],
        }
    }
}
