//! metering-service.
