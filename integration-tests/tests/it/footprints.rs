//! Footprints along a chain: a supplier's statement goes into the buyer's, with its uncertainty by source.

use integration_tests::{cast, story};
use proto::footprint;
use record::footprint::FootprintStatement;
use tonic::Code;
use touchstone_client::new_request_id;

use crate::support::{self, SITE, Stage};

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
        product: String::new(),
        supplier_statements: supplier_statements.to_vec(),
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
