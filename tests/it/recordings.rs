//! Recorded devices beside the repository, where they are present.
