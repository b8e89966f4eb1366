//! The certificate page.

use maud::{DOCTYPE, Markup, html};
use proto::registry::{Certificate, CertificateState};

/// What a state means, in words for somebody who scanned a label.
fn meaning(certificate: &Certificate) -> (&'static str, String) {
    match certificate.state() {
        CertificateState::Active => ("Valid", "This certificate is valid today.".into()),
        CertificateState::Suspended => ("Suspended", format!("Suspended for now: {}.", certificate.state_reason)),
        CertificateState::Withdrawn => ("Withdrawn", format!("No longer valid: {}.", certificate.state_reason)),
        CertificateState::Superseded => ("Replaced", format!("Replaced by a newer one: {}.", certificate.state_reason)),
        CertificateState::Expired => ("Expired", "Its validity has ended.".into()),
        CertificateState::Unspecified => ("Unknown", "The registry did not say.".into()),
    }
}

fn day(time: &Option<prost_types::Timestamp>) -> String {
    let time = time.as_ref().and_then(proto::parse_timestamp);
    time.map_or("unknown".into(), |time| time.to_string())
}

/// The page; everything that comes from a certificate is escaped.
pub fn page(certificate: &Certificate) -> Markup {
    let (word, words) = meaning(certificate);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (word) " – " (certificate.product) }
                style { "body{font:1.1rem/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}dt{color:#555}dd{margin:0 0 .8rem}" }
            }
            body {
                h1 { (word) }
                p { (words) }
                dl {
                    dt { "Product" } dd { (certificate.product) " (CN " (certificate.product_class) ")" }
                    dt { "Carbon footprint, cradle to gate" } dd { (certificate.total) }
                    dt { "Holder" } dd { (certificate.holder) }
                    dt { "Certified by" } dd { (certificate.issuer) }
                    dt { "Valid" } dd { (day(&certificate.valid_from)) " to " (day(&certificate.valid_until)) }
                    dt { "Certificate" } dd { (certificate.certificate_id) }
                    dt { "Log entry" } dd { (certificate.log_index) ", state as of " (day(&certificate.state_time)) }
                }
                p { "This page repeats what the registry says. A proof that does not rest on it is a bundle: "
                    code { "touchctl verify --offline" } "." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_a_certificate_is_escaped() {
        let certificate = Certificate {
            product: "<script>alert(1)</script>".into(),
            state: CertificateState::Withdrawn.into(),
            state_reason: "data < wrong".into(),
            ..Certificate::default()
        };
        let page = page(&certificate).into_string();
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;") && page.contains("data &lt; wrong"));
    }
}
