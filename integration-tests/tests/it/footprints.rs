//! What footprints rest on beside evidence: suppliers' statements and certificates, default values, product-category rules.

use integration_tests::{cast, story};
use prost::Message;
use proto::footprint;
use record::footprint::FootprintStatement;
use tonic::Code;
use touchstone_client::new_request_id;

use crate::support::{self, NUMBER, SITE, Stage, Told};

fn plant(title: &str, rest: &str) -> String {
    format!(
        "method = \"cbam-transitional-2023-1773\"\n[site]\nname = \"{SITE}\"\ntitle = \"{title}\"\n\
         [period]\nstart = 2023-01-01T00:00:00Z\nend = 2024-01-01T00:00:00Z\n\
         [[stream]]\nname = \"lime\"\nprocess = \"works\"\nmethod = \"process\"\n\
         activity = {{ value = 50, unit = \"t\" }}\n\
         emission_factor = {{ value = 0.4, unit = \"tCO2/t\", expanded_uncertainty = 0.02, coverage_factor = 2, \
         source_id = \"table\" }}\n\
         [[process]]\nname = \"works\"\ncategory = \"c\"\nproduction = {{ value = 100, unit = \"t\" }}\n\
         [[product]]\nname = \"goods\"\ncn_code = \"72010000\"\nprocess = \"works\"\nfunctional_unit = \"1 t\"\n{rest}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppliers_statement_goes_into_the_buyers() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    let compute = |id: &str, plant_toml: &str, supplier_statements: &[Vec<u8>]| footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: id.into(),
        plant_toml: plant_toml.into(),
        request_id: new_request_id(),
        supplier_statements: supplier_statements.to_vec(),
        ..Default::default()
    };
    let made = exporter.footprint().compute_footprint(compute("slab", &plant("Supplier", ""), &[])).await;
    let slab = made.expect("a footprint").into_inner();
    let statement = FootprintStatement::from_bytes(&slab.statement).expect("a statement");
    assert_eq!(statement.total.value.as_str(), "0.2");

    let precursor = format!(
        "[[precursor]]\nname = \"slab\"\ncategory = \"c\"\nstatement = \"{}\"\n\
         uses = [{{ process = \"works\", amount = {{ value = 150, unit = \"t\" }} }}]\n",
        statement.digest()
    );
    let buyer = plant("Buyer", &precursor);
    let status = exporter.footprint().compute_footprint(compute("sheet", &buyer, &[])).await.expect_err("no statement");
    let refused = support::refusal(&status);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "SUPPLIER_STATEMENT_UNFIT"));
    assert!(refused.message.contains(&statement.digest().to_string()), "{refused:?}");

    let mut damaged = slab.statement.clone();
    damaged.pop();
    let status = exporter.footprint().compute_footprint(compute("sheet", &buyer, &[damaged])).await;
    let refused = support::refusal(&status.expect_err("a damaged statement"));
    assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec!["supplier_statements[0]".to_owned()]));

    let given = [slab.statement.clone()];
    let made = exporter.footprint().compute_footprint(compute("sheet", &buyer, &given)).await;
    let sheet = made.expect("a footprint").into_inner();
    assert_eq!(sheet.supplier_statements, given);
    let statement = FootprintStatement::from_bytes(&sheet.statement).expect("a statement");
    // 0.5 × 0.4 of its own, 1.5 × 0.2 of the supplier; both by one table: u = 0.01 × (0.5 + 1.5 × 0.5), added up.
    assert_eq!(statement.total.value.as_str(), "0.5");
    assert_eq!(statement.budget.len(), 1);
    let u = statement.total.standard_uncertainty.to_f64();
    assert!((u - 0.0125).abs() < 1e-15, "{u}");
    let request = footprint::RecomputeFootprintRequest { name: sheet.name.clone() };
    let again = exporter.footprint().recompute_footprint(request).await.expect("an answer").into_inner();
    assert_eq!((again.first_difference.as_str(), again.recomputed_sha256), ("", sheet.statement_sha256));
}

const RULES: &str = r#"
id = "goods"
version = "1"
title = "Goods"
source = "an example"
methods = ["cbam-transitional-2023-1773"]
cn_codes = ["7201"]
from = "2023-01-01"
functional_unit = "1 t"
[limit]
result = "total"
value = "0.4"
unit = "tCO2e/t"
clause = "1"
[[grades]]
name = "A"
at_most = "0.25"
"#;

fn request(id: &str, plant_toml: &str) -> footprint::ComputeFootprintRequest {
    footprint::ComputeFootprintRequest {
        parent: SITE.into(),
        footprint_id: id.into(),
        plant_toml: plant_toml.into(),
        request_id: new_request_id(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_category_rules_decide_and_grade() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    let named = format!("product_category_rules = \"goods\"\n{}", plant("Works", ""));
    let with = |id: &str, rules: &str| footprint::ComputeFootprintRequest {
        product_category_rules_toml: rules.into(),
        ..request(id, &named)
    };
    let compute = |request| async { exporter.footprint().compute_footprint(request).await };
    for (rules, words) in [
        (String::new(), "their file was not given"),
        (RULES.replace("\"7201\"", "\"7202\""), "not 72010000"),
        (RULES.replace("from = \"2023", "from = \"2024"), "from 2024-01-01"),
    ] {
        let refused = support::refusal(&compute(with("goods", &rules)).await.expect_err(words));
        assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "CATEGORY_RULES_NOT_MET"));
        assert!(refused.message.contains(words), "{refused:?}");
    }
    let status = compute(with("goods", &RULES.replace("grades", "grade"))).await.expect_err("no rules");
    let refused = support::refusal(&status);
    assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec!["product_category_rules_toml".to_owned()]));

    let made = compute(with("goods", RULES)).await.expect("a footprint").into_inner();
    let statement = FootprintStatement::from_bytes(&made.statement).expect("a statement");
    // 0.5 × 0.4 = 0.2: below 0.25.
    assert_eq!(statement.grade.map(|grade| grade.name).as_deref(), Some("A"));
    assert_eq!(made.product_category_rules_toml, RULES);
    let request = footprint::RecomputeFootprintRequest { name: made.name.clone() };
    let again = exporter.footprint().recompute_footprint(request).await.expect("an answer").into_inner();
    assert_eq!((again.first_difference.as_str(), again.recomputed_sha256), ("", made.statement_sha256));
    // The body's reviewer has all that is needed to compute it again.
    story::lay_ground(&stage.world).await.expect("ground");
    let application = story::apply(&exporter, &made.name, "graded").await.expect("an application").name;
    let found = story::recompute(&stage.client(&cast::reviewer()), &application).await.expect("recomputed");
    assert_eq!(found.digest.to_vec(), again_digest(&made.statement));
}

fn again_digest(statement: &[u8]) -> Vec<u8> {
    cose::sha256(statement).to_vec()
}

/// A plant file may have a mebibyte; what is kept of it is whole, and lists stay small.
#[tokio::test(flavor = "multi_thread")]
async fn large_plant_files_are_kept_whole() {
    let stage = Stage::open().await;
    let exporter = stage.client(&cast::exporter());
    story::create_site(&exporter, SITE, "Works").await.expect("a site");
    let large = format!("# {}\n{}", "x".repeat(900_000), plant("Works", ""));
    let asked = request("large", &large);
    let made = exporter.footprint().compute_footprint(asked.clone()).await.expect("a footprint").into_inner();
    assert_eq!(made.plant_toml, large);
    let again = exporter.footprint().compute_footprint(asked).await.expect("the same").into_inner();
    assert_eq!(again, made);
    let get = footprint::GetFootprintRequest { name: made.name.clone() };
    assert_eq!(exporter.footprint().get_footprint(get).await.expect("kept").into_inner(), made);
    for source in ["", "factor/table", "factor/other"] {
        let list =
            footprint::ListFootprintsRequest { parent: SITE.into(), source: source.into(), ..Default::default() };
        let listed = exporter.footprint().list_footprints(list).await.expect("a list").into_inner().footprints;
        if let [only] = &listed[..] {
            assert_eq!((&only.name, &only.total), (&made.name, &made.total));
            assert!(only.plant_toml.is_empty() && only.statement.is_empty(), "{} bytes", only.encoded_len());
        }
        let found = FootprintStatement::from_bytes(&made.statement).expect("a statement").budget;
        let expected = source.is_empty() || found.iter().any(|row| row.source == source);
        assert_eq!(listed.len(), usize::from(expected), "{source}: {found:?}");
    }
}

/// A table of default values, made up.
const DEFAULTS: &str = "\
country,sector,cn_code,variant,direct,indirect,total,incl_markup_2026,incl_markup_2027,incl_markup_2028,route
*OTHER*,Cement,252329,,2,0.2,2.2,2.42,2.64,2.86,
Utopia,Cement,252329,,1.1,0.1,1.2,1.32,1.44,1.56,
";

/// A certificate and a default value count only where the operator says against which trust and table.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_default_values_as_the_installation_has_them() {
    let mut told = Told::tell().await;
    let regulator = told.stage.client(&cast::regulator());
    let bundle = story::bundle(&regulator, NUMBER, 0).await.expect("a bundle");
    let trust = story::trust_file(&told.stage.world, &regulator).await.expect("a trust file");
    let precursor = |what: &str| {
        let uses = "uses = [{ process = \"works\", amount = { value = 150, unit = \"t\" } }]\n";
        plant("Buyer", &format!("[[precursor]]\nname = \"cement\"\ncategory = \"Cement\"\n{what}\n{uses}"))
            .replace("2023-01-01", "2026-01-01")
            .replace("2024-01-01", "2026-07-01")
    };
    let certified = footprint::ComputeFootprintRequest {
        supplier_certificates: vec![bundle],
        ..request("certified", &precursor(&format!("certificate = \"{}\"", told.certificate.id)))
    };
    let by_default = request("default", &precursor("default = { cn_code = \"25232900\", country = \"Utopia\" }"));
    let compute = async |told: &Told, request: &footprint::ComputeFootprintRequest| {
        told.stage.client(&cast::exporter()).footprint().compute_footprint(request.clone()).await
    };
    let refusal = support::refusal(&compute(&told, &certified).await.expect_err("no trust"));
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::FailedPrecondition, "SUPPLIER_CERTIFICATE_UNFIT"));
    assert!(refusal.message.contains("no trust file"), "{refusal:?}");
    let refusal = support::refusal(&compute(&told, &by_default).await.expect_err("no table"));
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::FailedPrecondition, "DEFAULT_VALUE_MISSING"));

    let config = told.stage.world.installation.config.clone();
    let folder = config.parent().expect("a folder").to_owned();
    std::fs::write(folder.join("buyer-trust.toml"), trust).expect("written");
    std::fs::write(folder.join("defaults.csv"), DEFAULTS).expect("written");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let more = "[footprint]\ntrust = \"buyer-trust.toml\"\ndefault_values = \"defaults.csv\"\n";
    std::fs::write(&config, format!("{text}\n{more}")).expect("written");
    told.stage.world.stop().await.expect("stopped");
    told.stage.world.resume().await.expect("started");

    for asked in [&certified, &by_default] {
        let made = compute(&told, asked).await.expect("a footprint").into_inner();
        assert_eq!(made.supplier_certificates, asked.supplier_certificates);
        let statement = FootprintStatement::from_bytes(&made.statement).expect("a statement");
        let embedded: f64 = if asked.supplier_certificates.is_empty() {
            // 1.1 t direct, marked up as the whole is: by 1.32 / 1.2 in 2026.
            1.21
        } else {
            assert_eq!(statement.inputs.certificates[0].id, told.certificate.id);
            told.statement.direct.value.to_f64()
        };
        let direct = statement.direct.value.to_f64();
        assert!((direct - (0.2 + 1.5 * embedded)).abs() < 1e-12, "{direct} of {embedded}");
        let request = footprint::RecomputeFootprintRequest { name: made.name.clone() };
        let exporter = told.stage.client(&cast::exporter());
        let again = exporter.footprint().recompute_footprint(request).await.expect("an answer").into_inner();
        assert_eq!((again.first_difference.as_str(), again.recomputed_sha256), ("", made.statement_sha256));
    }
    // One bit of the bundle.
    let mut flipped = certified.clone();
    flipped.footprint_id = "flipped".into();
    flipped.request_id = new_request_id();
    flipped.supplier_certificates[0][1_000] ^= 1;
    let refusal = support::refusal(&compute(&told, &flipped).await.expect_err("a damaged bundle"));
    assert_eq!(refusal.reason, "SUPPLIER_CERTIFICATE_UNFIT", "{refusal:?}");
}
