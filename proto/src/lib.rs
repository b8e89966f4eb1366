//! The words on the wire: generated messages and services, and the collector of field violations that conversions use.
//!
//! There is no transport, no handler and no rule here beyond the form of a field.

pub mod convert;
pub mod fields;

/// Encoded descriptor set of all packages, for reflection and for tests of conventions.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");

macro_rules! package {
    ($($name:ident => $file:literal),* $(,)?) => {
        /// Packages `touchstone.<noun>.v1`.
        #[allow(missing_docs, clippy::all, clippy::pedantic, unused_qualifications)]
        pub mod touchstone {
            $(pub mod $name { pub mod v1 { include!(concat!("gen/touchstone.", $file, ".v1.rs")); } })*
        }
        $(
            /// Short name of the package.
            pub mod $name { pub use super::touchstone::$name::v1::*; }
        )*
    };
}
package! {
    access => "access",
    quantity => "quantity",
    metering => "metering",
    footprint => "footprint",
    certification => "certification",
    registry => "registry",
    verification => "verification",
}

/// Vendored Google types.
#[allow(missing_docs, clippy::all)]
pub mod google {
    /// `google.api`
    pub mod api {
        include!("gen/google.api.rs");
    }
    /// `google.rpc`
    pub mod rpc {
        include!("gen/google.rpc.rs");
    }
    /// `google.type`
    pub mod r#type {
        include!("gen/google.r#type.rs");
    }
}

/// Decimal text on the wire.
pub fn decimal(text: impl Into<String>) -> google::r#type::Decimal {
    google::r#type::Decimal { value: text.into() }
}

/// A time on the wire.
pub fn timestamp(time: jiff::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// A half-open interval on the wire; an absent end is open.
pub fn interval(start: jiff::Timestamp, end: Option<jiff::Timestamp>) -> google::r#type::Interval {
    google::r#type::Interval { start_time: Some(timestamp(start)), end_time: end.map(timestamp) }
}

/// A time from the wire; `None` when it is out of range.
pub fn parse_timestamp(time: &prost_types::Timestamp) -> Option<jiff::Timestamp> {
    // Nanoseconds count forward, also before 1970 (google.protobuf.Timestamp).
    (0..1_000_000_000).contains(&time.nanos).then(|| jiff::Timestamp::new(time.seconds, time.nanos).ok()).flatten()
}
