//! accreditation.
