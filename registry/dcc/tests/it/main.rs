//! Certificates of others, one made of the template, and what must be refused.

mod examples;
mod fragments;
mod meter;
mod refusals;

use dcc::{Dcc, DccError};

/// What a laboratory made of the template: nothing marks it as one.
const ISSUED: &str = include_str!("../issued.xml");

/// Serial number of its meter.
const SERIAL: &str = "EM-000123";

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/dcc");

/// Whether the folder of certificates and schemas is there; says so where it is not.
fn shared_is_there() -> bool {
    let there = std::path::Path::new(SHARED).exists();
    if !there {
        eprintln!("skipped: {SHARED} is not there");
    }
    there
}

/// A file of it. That the folder is there and the file is not fails the test.
fn shared(path: &str) -> Vec<u8> {
    std::fs::read(format!("{SHARED}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The certificate with texts replaced; each must be there, so that no edit is in vain.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(ISSUED.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the certificate");
        text.replacen(from, to, 1)
    })
}

fn read(text: &str) -> Result<Dcc, DccError> {
    dcc::read(text.as_bytes())
}

/// A certificate of this version with this inside its one `dcc:data`.
fn with_data(version: &str, data: &str) -> String {
    let name = "<dcc:name><dcc:content>x</dcc:content></dcc:name>";
    let (place, result_name) = match version.starts_with('2') {
        true => ("", ""),
        false => ("<dcc:performanceLocation>laboratory</dcc:performanceLocation>", name),
    };
    let contact =
        format!("{name}<dcc:eMail>x@example.org</dcc:eMail><dcc:location><dcc:city>x</dcc:city></dcc:location>");
    let description =
        if version.starts_with('2') { "<dcc:description><dcc:content>x</dcc:content></dcc:description>" } else { "" };
    format!(
        r#"<dcc:digitalCalibrationCertificate xmlns:dcc="https://ptb.de/dcc" xmlns:si="https://ptb.de/si" schemaVersion="{version}">
<dcc:administrativeData>
<dcc:dccSoftware><dcc:software>{name}<dcc:release>1</dcc:release></dcc:software></dcc:dccSoftware>
<dcc:coreData><dcc:countryCodeISO3166_1>DE</dcc:countryCodeISO3166_1><dcc:usedLangCodeISO639_1>en</dcc:usedLangCodeISO639_1>
<dcc:mandatoryLangCodeISO639_1>en</dcc:mandatoryLangCodeISO639_1><dcc:uniqueIdentifier>1</dcc:uniqueIdentifier>
<dcc:beginPerformanceDate>2026-01-01</dcc:beginPerformanceDate><dcc:endPerformanceDate>2026-01-01</dcc:endPerformanceDate>{place}</dcc:coreData>
<dcc:items><dcc:item>{name}{description}<dcc:manufacturer>{name}</dcc:manufacturer><dcc:identifications><dcc:identification>
<dcc:issuer>manufacturer</dcc:issuer><dcc:value>1</dcc:value></dcc:identification></dcc:identifications></dcc:item></dcc:items>
<dcc:calibrationLaboratory><dcc:contact>{contact}</dcc:contact></dcc:calibrationLaboratory>
<dcc:respPersons><dcc:respPerson><dcc:person>{name}</dcc:person></dcc:respPerson></dcc:respPersons>
<dcc:customer>{contact}</dcc:customer>
</dcc:administrativeData>
<dcc:measurementResults><dcc:measurementResult>{result_name}<dcc:results><dcc:result>{name}<dcc:data>{data}</dcc:data></dcc:result></dcc:results></dcc:measurementResult></dcc:measurementResults>
</dcc:digitalCalibrationCertificate>"#
    )
}
