//! gateway-service.
