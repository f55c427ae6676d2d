//! Who waits for whom.

/// Which calls with one key at the same time run the body once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SingleFlight {
    /// Those of this process.
    Process,
    /// Those of all processes with this store.
    Cluster,
    /// None: each runs it for itself.
    Off,
}
