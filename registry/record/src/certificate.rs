//! Certificate: a UNTP 0.7 Digital Conformity Credential, as the exact JSON bytes that the body signs.
//!
//! What UNTP has no field for (uncertainty, coverage, decision, digests, goods period) stands in [`Measurement`], our
//! own documented terms, inside `ConformityAssessment`, which UNTP leaves open. There is no `credentialStatus`: state
//! is proved from the status log, and a list that nobody publishes would be a pointer to nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::footprint::{DecisionResult, DecisionRule, FootprintStatement, ResultValue};
use crate::json::{self, Digest, NumberToken, PayloadError};
use crate::name;
use crate::plant::FunctionalUnit;

/// W3C context.
pub const VC_CONTEXT: &str = "https://www.w3.org/ns/credentials/v2";
/// UNTP context.
pub const UNTP_CONTEXT: &str = "https://vocabulary.uncefact.org/untp/0.7.0/context/";
/// Context of our own terms.
pub const TERMS_CONTEXT: &str = "https://touchstone.example/terms/v1";
/// UNTP topic of every assessment here.
const TOPIC: &str = "https://vocabulary.uncefact.org/conformity-topic/greenhouse-gas-emissions";

/// UNTP `CredentialIssuer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// UNTP type.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// DID.
    pub id: String,
    /// Name.
    pub name: String,
}

impl Issuer {
    /// An issuer.
    pub fn new(id: &str, name: &str) -> Self {
        Self { types: vec!["CredentialIssuer".into()], id: id.into(), name: name.into() }
    }
}

macro_rules! thing {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// UNTP type.
            #[serde(rename = "type")]
            pub types: Vec<String>,
            /// Identifier (URI).
            pub id: String,
            /// Name.
            pub name: String,
        }

        impl $name {
            /// One with this identifier and name.
            pub fn new(id: &str, name: &str) -> Self {
                Self { types: vec![$kind.into()], id: id.into(), name: name.into() }
            }
        }
    };
}
thing!(/// UNTP `Party`.
    Party, "Party");
thing!(/// UNTP `IdentifierScheme`.
    IdentifierScheme, "IdentifierScheme");
thing!(/// UNTP `ConformityScheme`.
    Scheme, "ConformityScheme");
thing!(/// UNTP `ConformityProfile`.
    Profile, "ConformityProfile");
thing!(/// UNTP `Criterion`.
    Criterion, "Criterion");
thing!(/// UNTP `ConformityTopic`.
    Topic, "ConformityTopic");
thing!(/// UNTP `PerformanceMetric`.
    Metric, "PerformanceMetric");
thing!(/// UNTP `Facility`.
    Facility, "Facility");

/// UNTP `Endorsement`: the accreditation under which the body attests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endorsement {
    /// Title.
    pub name: String,
    /// The accreditation body.
    pub issuing_authority: Party,
    /// The accreditation statement.
    pub endorsement_evidence: Link,
}

/// UNTP `Link`; always with digest here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Where.
    #[serde(rename = "linkURL")]
    pub link_url: String,
    /// What.
    pub link_name: String,
    /// SHA-256 of the bytes linked to.
    pub digest_multibase: Digest,
    /// Their media type.
    pub media_type: String,
}

/// UNTP `Measure`: closed by UNTP, so uncertainty is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Number, printed from decimal text.
    pub value: NumberToken,
    /// UN/CEFACT Rec 20 code.
    pub unit: String,
}

/// UNTP `Performance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// What was measured.
    pub metric: Metric,
    /// How much.
    pub measure: Measure,
}

/// UNTP product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// UNTP type.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// Identifier (URI).
    pub id: String,
    /// Name.
    pub name: String,
    /// CN code (our term).
    pub product_class: String,
}

/// UNTP `ProductVerification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductVerification {
    /// The product.
    pub product: Product,
    /// Whether the body checked its identity.
    #[serde(rename = "idVerifiedByCAB")]
    pub id_verified_by_cab: bool,
}

/// UNTP `FacilityVerification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacilityVerification {
    /// The facility.
    pub facility: Facility,
    /// Whether the body checked its identity.
    #[serde(rename = "idVerifiedByCAB")]
    pub id_verified_by_cab: bool,
    /// ISO 3166-1 alpha-2 code (our term).
    pub country: String,
}

/// A result with its uncertainty: decimal text, per functional unit (our term).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeasuredResult {
    /// The estimate.
    pub value: String,
    /// Combined standard uncertainty (JCGM 100, 5.1.2).
    pub standard_uncertainty: String,
    /// Expanded uncertainty (JCGM 100, 6.2.1).
    pub expanded_uncertainty: String,
    /// Coverage factor for 95 %.
    pub coverage_factor: String,
}

/// Conformity decision (JCGM 106), where the scheme has a limit (our term).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConformityDecision {
    /// Upper limit, in the unit of the results.
    pub limit: String,
    /// Decision rule by name.
    pub rule: String,
    /// Probability of conformity, 0 to 1.
    pub probability: String,
    /// `conforms`, `does-not-conform` or `inconclusive`.
    pub result: String,
}

/// The measurement behind a certificate (our terms).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measurement {
    /// Unit of the results, for example `tCO2e/t`.
    pub unit: String,
    /// What they refer to, for example `1 t` or `1 t clinker`.
    pub functional_unit: String,
    /// Direct embedded emissions.
    pub direct: MeasuredResult,
    /// Indirect embedded emissions.
    pub indirect: MeasuredResult,
    /// Their sum.
    pub total: MeasuredResult,
    /// First instant of the production covered.
    pub goods_from: Timestamp,
    /// First instant after.
    pub goods_until: Timestamp,
    /// Share of missing data, 0 to 1.
    pub gap_share: String,
    /// Share of metered data under valid calibration, 0 to 1.
    pub calibration_coverage: String,
    /// Share of primary data, 0 to 1.
    pub primary_data_share: String,
    /// Global-warming-potential set.
    pub gwp_set: String,
    /// Factor set.
    pub factor_set: String,
    /// Merkle root of the evidence.
    pub evidence_root: Digest,
    /// Digest of the footprint statement.
    pub statement: Digest,
    /// Decision, where the scheme has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<ConformityDecision>,
}

impl Measurement {
    /// What a certificate says of a footprint statement, for goods made from the start of its period until
    /// `goods_until`.
    pub fn of(statement: &FootprintStatement, goods_until: Timestamp) -> Self {
        let result = |result: &ResultValue| MeasuredResult {
            value: result.value.to_string(),
            standard_uncertainty: result.standard_uncertainty.to_string(),
            expanded_uncertainty: result.expanded_uncertainty.to_string(),
            coverage_factor: result.coverage_factor.to_string(),
        };
        let quality = &statement.quality;
        Measurement {
            unit: statement.total.unit.to_string(),
            functional_unit: statement.functional_unit.clone(),
            direct: result(&statement.direct),
            indirect: result(&statement.indirect),
            total: result(&statement.total),
            goods_from: statement.period.start,
            goods_until,
            gap_share: quality.gap_share.to_string(),
            // Where nothing is metered, nothing rests on a calibration.
            calibration_coverage: quality
                .calibration_coverage_share
                .as_ref()
                .map_or("0".to_owned(), ToString::to_string),
            primary_data_share: quality.primary_data_share.to_string(),
            gwp_set: statement.method.gwp_set.clone(),
            factor_set: statement.method.factor_set.clone(),
            evidence_root: Digest(statement.inputs.evidence_root.0),
            statement: Digest(statement.digest().0),
            decision: statement.decision.as_ref().map(|decision| ConformityDecision {
                limit: decision.limit.value.to_string(),
                rule: match &decision.rule {
                    DecisionRule::Simple => "simple".to_owned(),
                    DecisionRule::Guarded { multiple } => format!("guarded, w = {multiple} u"),
                },
                probability: decision.probability_of_conformity.to_string(),
                result: match decision.result {
                    DecisionResult::Conforms => "conforms",
                    DecisionResult::DoesNotConform => "does-not-conform",
                    DecisionResult::Inconclusive => "inconclusive",
                }
                .to_owned(),
            }),
        }
    }
}

/// UNTP `ConformityAssessment` with our measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assessment {
    /// UNTP type.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// Identifier (URI).
    pub id: String,
    /// Title.
    pub name: String,
    /// Against what.
    pub assessment_criteria: Vec<Criterion>,
    /// When.
    pub assessment_date: Date,
    /// Figures.
    pub assessed_performance: Vec<Performance>,
    /// Product.
    pub assessed_product: Vec<ProductVerification>,
    /// Where it is made.
    pub assessed_facility: Vec<FacilityVerification>,
    /// Conditions of the figures: a cradle-to-gate figure says so here.
    pub specified_condition: Vec<String>,
    /// Footprint statement by digest.
    pub evidence: Vec<Link>,
    /// UNTP topic.
    pub conformity_topic: Vec<Topic>,
    /// Whether it conforms.
    pub conformance: bool,
    /// The measurement (our term).
    pub measurement: Measurement,
}

/// UNTP `ConformityAttestation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation {
    /// UNTP type.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// Identifier (URI): the certificate's subject in the log.
    pub id: String,
    /// Title.
    pub name: String,
    /// UNTP assessor level.
    pub assessor_level: String,
    /// UNTP assessment level.
    pub assessment_level: String,
    /// UNTP attestation type.
    pub attestation_type: String,
    /// Holder.
    pub issued_to_party: Party,
    /// Accreditation.
    pub authorisation: Vec<Endorsement>,
    /// Scheme.
    pub reference_scheme: Scheme,
    /// Method.
    pub reference_profile: Profile,
    /// Exactly one assessment.
    pub conformity_assessment: Vec<Assessment>,
}

/// A certificate's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// JSON-LD contexts.
    #[serde(rename = "@context")]
    pub context: Vec<String>,
    /// Credential types.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// The credential's id (URI); its last part is the certificate's number.
    pub id: String,
    /// The body.
    pub issuer: Issuer,
    /// First instant.
    pub valid_from: Timestamp,
    /// First instant after.
    pub valid_until: Timestamp,
    /// Title.
    pub name: String,
    /// What is attested.
    pub credential_subject: Attestation,
}

/// What a certificate is made from.
#[derive(Debug, Clone)]
pub struct CertificateDraft {
    /// Certificate number: an id.
    pub number: String,
    /// Base of the identifiers, without trailing slash.
    pub base: String,
    /// Body: DID and name.
    pub issuer: (String, String),
    /// Holder: DID and name.
    pub holder: (String, String),
    /// First instant.
    pub valid_from: Timestamp,
    /// First instant after.
    pub valid_until: Timestamp,
    /// Date of the decision.
    pub assessment_date: Date,
    /// Scheme: URI and name.
    pub scheme: (String, String),
    /// Method: URI and name.
    pub method: (String, String),
    /// Accreditation body: DID and name.
    pub accreditation_body: (String, String),
    /// Accreditation statement: id and digest of its entry.
    pub accreditation: (String, Digest),
    /// Product: URI, name, CN code.
    pub product: (String, String, String),
    /// Facility: URI, name, country.
    pub facility: (String, String, String),
    /// The measurement.
    pub measurement: Measurement,
}

impl Certificate {
    /// Makes the credential.
    ///
    /// # Errors
    /// [`PayloadError::Rule`] names what does not fit.
    pub fn new(draft: CertificateDraft) -> Result<Self, PayloadError> {
        let text = str::to_owned;
        let token = |path, value: &str| {
            NumberToken::new(value).ok_or_else(|| PayloadError::rule(path, format!("{value} is no plain decimal")))
        };
        let performance = |slug: &str, name: &str, value: NumberToken| Performance {
            metric: Metric::new(&format!("{TERMS_CONTEXT}#{slug}"), name),
            // TNE: tonnes of CO2e for each tonne of what is measured; the full unit stands in `measurement`.
            measure: Measure { value, unit: text("TNE") },
        };
        let id = format!("{}/certificates/{}", draft.base, draft.number);
        let assessment = Assessment {
            types: vec![text("ConformityAssessment")],
            id: format!("{id}#assessment"),
            name: text("Embedded greenhouse-gas emissions"),
            assessment_criteria: vec![Criterion::new(&draft.method.0, &draft.method.1)],
            assessment_date: draft.assessment_date,
            assessed_performance: vec![
                performance(
                    "directEmbeddedEmissions",
                    &format!("Direct embedded emissions per {}", draft.measurement.functional_unit),
                    token("measurement.direct.value", &draft.measurement.direct.value)?,
                ),
                performance(
                    "indirectEmbeddedEmissions",
                    &format!("Indirect embedded emissions per {}", draft.measurement.functional_unit),
                    token("measurement.indirect.value", &draft.measurement.indirect.value)?,
                ),
            ],
            assessed_product: vec![ProductVerification {
                product: Product {
                    types: vec![text("Product")],
                    id: draft.product.0,
                    name: draft.product.1,
                    product_class: draft.product.2,
                },
                id_verified_by_cab: true,
            }],
            assessed_facility: vec![FacilityVerification {
                facility: Facility::new(&draft.facility.0, &draft.facility.1),
                id_verified_by_cab: true,
                country: draft.facility.2,
            }],
            specified_condition: vec![text("Cradle to gate: use and end of life are not included.")],
            evidence: vec![Link {
                link_url: format!("{}/statements/{}", draft.base, draft.measurement.statement),
                link_name: text("Footprint statement"),
                digest_multibase: draft.measurement.statement,
                media_type: text(crate::media::FOOTPRINT),
            }],
            conformity_topic: vec![Topic::new(TOPIC, "Greenhouse Gas Emissions")],
            conformance: true,
            measurement: draft.measurement,
        };
        let certificate = Certificate {
            context: vec![text(VC_CONTEXT), text(UNTP_CONTEXT), text(TERMS_CONTEXT)],
            types: vec![text("DigitalConformityCredential"), text("VerifiableCredential")],
            id: id.clone(),
            issuer: Issuer::new(&draft.issuer.0, &draft.issuer.1),
            valid_from: draft.valid_from,
            valid_until: draft.valid_until,
            name: format!("Product carbon footprint certificate {}", draft.number),
            credential_subject: Attestation {
                types: vec![text("ConformityAttestation")],
                id: format!("{id}#attestation"),
                name: format!("Product carbon footprint certificate {}", draft.number),
                assessor_level: text("3rdParty"),
                assessment_level: text("authority-mandate"),
                attestation_type: text("certification"),
                issued_to_party: Party::new(&draft.holder.0, &draft.holder.1),
                authorisation: vec![Endorsement {
                    name: format!("Accreditation of {}", draft.issuer.1),
                    issuing_authority: Party::new(&draft.accreditation_body.0, &draft.accreditation_body.1),
                    endorsement_evidence: Link {
                        link_url: draft.accreditation.0,
                        link_name: text("Accreditation statement"),
                        digest_multibase: draft.accreditation.1,
                        media_type: text(crate::media::ACCREDITATION),
                    },
                }],
                reference_scheme: Scheme::new(&draft.scheme.0, &draft.scheme.1),
                reference_profile: Profile::new(&draft.method.0, &draft.method.1),
                conformity_assessment: vec![assessment],
            },
        };
        certificate.check()?;
        Ok(certificate)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        let read: Certificate = json::read(bytes)?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), PayloadError> {
        let subject = &self.credential_subject;
        if self.context.first().map(String::as_str) != Some(VC_CONTEXT)
            || self.context.get(1).map(String::as_str) != Some(UNTP_CONTEXT)
        {
            return Err(PayloadError::rule("@context", "must begin with the W3C and UNTP 0.7.0 contexts"));
        }
        if !self.types.iter().any(|t| t == "DigitalConformityCredential") {
            return Err(PayloadError::rule("type", "must name DigitalConformityCredential"));
        }
        let number = self.id.rsplit('/').next().unwrap_or("");
        name::check_id(number).map_err(|e| PayloadError::rule("id", format!("last part: {e}")))?;
        name::check_did(&self.issuer.id).map_err(|e| PayloadError::rule("issuer.id", e.to_string()))?;
        name::check_did(&subject.issued_to_party.id)
            .map_err(|e| PayloadError::rule("credentialSubject.issuedToParty.id", e.to_string()))?;
        if self.valid_from >= self.valid_until {
            return Err(PayloadError::rule("validUntil", "must be later than validFrom"));
        }
        if subject.authorisation.len() != 1 {
            return Err(PayloadError::rule("credentialSubject.authorisation", "name exactly one accreditation"));
        }
        let [assessment] = subject.conformity_assessment.as_slice() else {
            return Err(PayloadError::rule("credentialSubject.conformityAssessment", "exactly one assessment"));
        };
        if assessment.assessed_product.len() != 1 {
            return Err(PayloadError::rule(
                "credentialSubject.conformityAssessment.assessedProduct",
                "exactly one product",
            ));
        }
        if assessment.assessed_facility.len() != 1 {
            return Err(PayloadError::rule(
                "credentialSubject.conformityAssessment.assessedFacility",
                "exactly one facility",
            ));
        }
        let measured = &assessment.measurement;
        if !FunctionalUnit::ALL.iter().any(|unit| unit.name() == measured.functional_unit) {
            let known = FunctionalUnit::ALL.map(FunctionalUnit::name).join("\", \"");
            return Err(PayloadError::rule("measurement.functionalUnit", format!("must be one of \"{known}\"")));
        }
        if measured.goods_from >= measured.goods_until {
            return Err(PayloadError::rule("measurement.goodsUntil", "must be later than goodsFrom"));
        }
        for (path, share) in [
            ("measurement.gapShare", &measured.gap_share),
            ("measurement.calibrationCoverage", &measured.calibration_coverage),
            ("measurement.primaryDataShare", &measured.primary_data_share),
        ] {
            let value: f64 = share.parse().map_err(|_| PayloadError::rule(path, "must be a decimal number"))?;
            if !(0.0..=1.0).contains(&value) {
                return Err(PayloadError::rule(path, "must be between 0 and 1"));
            }
        }
        let figures = [&measured.direct, &measured.indirect, &measured.total];
        for figure in figures {
            for text in
                [&figure.value, &figure.standard_uncertainty, &figure.expanded_uncertainty, &figure.coverage_factor]
            {
                if NumberToken::new(text).is_none() {
                    return Err(PayloadError::rule("measurement", format!("{text:?} is no plain decimal")));
                }
            }
            // JCGM 100, 2.3: an uncertainty below zero would slip under every limit.
            let spread = [&figure.standard_uncertainty, &figure.expanded_uncertainty, &figure.coverage_factor];
            if spread.iter().any(|text| text.starts_with('-')) {
                return Err(PayloadError::rule("measurement", "uncertainties and coverage factor are not negative"));
            }
        }
        let declared = assessment.assessed_performance.iter().map(|p| p.measure.value.as_str());
        if !declared.eq([measured.direct.value.as_str(), measured.indirect.value.as_str()]) {
            return Err(PayloadError::rule(
                "credentialSubject.conformityAssessment.assessedPerformance",
                "must give the direct and the indirect value of the measurement",
            ));
        }
        Ok(())
    }

    /// The exact bytes to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        json::write(self)
    }

    /// Certificate number: the last part of the id.
    pub fn number(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or("")
    }

    /// The one assessment; `check` has made sure that it is there.
    pub fn assessment(&self) -> &Assessment {
        &self.credential_subject.conformity_assessment[0]
    }

    /// CN code of the product.
    pub fn product_class(&self) -> &str {
        &self.assessment().assessed_product[0].product.product_class
    }

    /// Country of production.
    pub fn country(&self) -> &str {
        &self.assessment().assessed_facility[0].country
    }
}
