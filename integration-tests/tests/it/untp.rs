//! Certificate and accreditation against the published UNTP schemas.

use integration_tests::story;
use record::statement::SignedStatement;
use serde_json::Value;

use crate::support::{self, Stage, Told};

/// Paths of members without which the schema must refuse.
fn strict(schema: &Value, credential: &Value) {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(credential).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let required: Vec<&str> =
        schema["required"].as_array().expect("required members").iter().filter_map(Value::as_str).collect();
    assert!(required.len() >= 3, "{required:?}");
    for member in required {
        let mut broken = credential.clone();
        assert!(broken.as_object_mut().expect("an object").remove(member).is_some(), "{member} is not there");
        assert!(!validator.is_valid(&broken), "{member} may be missing");
    }
    let mut broken = credential.clone();
    broken["credentialSubject"] = Value::from("a text");
    assert!(!validator.is_valid(&broken), "any subject passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_a_conformity_credential() {
    let Some(schema) = support::shared("standards/untp/schema/ConformityCredential.json") else { return };
    let told = Told::tell().await;
    let statement = SignedStatement::from_entry(&told.registered.entry).expect("an entry");
    let credential: Value = serde_json::from_slice(statement.payload()).expect("JSON");
    strict(&serde_json::from_slice(&schema).expect("JSON"), &credential);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accreditation_is_an_identity_anchor() {
    let Some(schema) = support::shared("standards/untp/schema/DigitalIdentityAnchor.json") else { return };
    let stage = Stage::open().await;
    let ground = story::lay_ground(&stage.world).await.expect("ground");
    let statement = SignedStatement::from_entry(&ground.accreditation.entry).expect("an entry");
    let credential: Value = serde_json::from_slice(statement.payload()).expect("JSON");
    strict(&serde_json::from_slice(&schema).expect("JSON"), &credential);
}
