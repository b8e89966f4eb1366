//! What to do about a refusal, by its stable reason: the remedies of `proto/touchstone/*/v1/error_reason.proto`.

/// Reason and remedy.
const REMEDIES: &[(&str, &str)] = &[
    ("REQUEST_INVALID", "correct the fields named"),
    ("OTHER_ORGANIZATION", "it belongs to another organisation: have its own people do it"),
    ("NOT_FOUND", "check the name, or register it first"),
    ("ALREADY_EXISTS", "the name is taken: choose another, or read what is there"),
    ("STORE_UNAVAILABLE", "try again: nothing was half-written"),
    ("INTERNAL", "report it to the operator with the trace_id"),
    ("REQUEST_ID_REUSED", "run the command again"),
    ("READING_BATCH_INVALID", "send the rest by itself"),
    ("INSTRUMENT_KIND_MISMATCH", "name a weighbridge or belt weigher"),
    ("EVIDENCE_TOO_LARGE", "ask for a shorter period, or for one instrument"),
    (
        "CALIBRATION_CERTIFICATE_INVALID",
        "where the certificate is a correct one, but not of a form that is read here, record it by touchctl calibrations create; or \
         ask the laboratory for one of the template registry/dcc/template",
    ),
    ("CALIBRATION_TEMPLATE", "ask the laboratory for the certificate that it made of the template"),
    ("CALIBRATION_OTHER_INSTRUMENT", "name the instrument that was calibrated"),
    ("INSTRUMENT_STATE", "read the instrument, and correct the time"),
    ("CORRECTION_INVALID", "correct the last correction"),
    ("CONSUMPTION_UNDEFINED", "choose other rules or another period, or record what is missing"),
    ("CALLER_NOT_ALLOWED", "call with the certificate of a role that may"),
    ("CALLER_UNKNOWN", "connect with a certificate that the operator enrolled"),
    ("CALLER_BLOCKED", "ask the operator for another certificate"),
    ("MESSAGE_TOO_LARGE", "send less at once"),
    ("MESSAGE_UNREADABLE", "use the touchctl of the server's version"),
    ("METHOD_UNKNOWN", "check --server: another service, or another version, runs there"),
    ("COMPRESSION_UNSUPPORTED", "use the touchctl of the server's version"),
    ("SERVICE_UNKNOWN", "check --server: another service runs there"),
    ("DEADLINE_PASSED", "ask for less at once, or try again"),
    ("RATE_LIMITED", "try again later"),
    ("TOO_MANY_IN_PROGRESS", "wait for other calls of your organisation to end, and try again"),
    ("OVERLOADED", "try again later"),
    ("HANDLER_PANICKED", "report it to the operator with the trace_id"),
];

/// The remedy for a reason.
pub(crate) fn remedy(reason: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(known, _)| *known == reason).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_remedy() {
        let metering = (1..100).filter_map(|n| proto::metering::ErrorReason::try_from(n).ok()).map(|r| r.as_str_name());
        let access = (1..100).filter_map(|n| proto::access::ErrorReason::try_from(n).ok()).map(|r| r.as_str_name());
        let reasons: Vec<&str> = metering.chain(access).collect();
        assert!(reasons.len() > 25, "{reasons:?}");
        for reason in reasons {
            let reason = reason.trim_start_matches("ERROR_REASON_");
            assert!(remedy(reason).is_some(), "{reason}");
        }
    }
}
