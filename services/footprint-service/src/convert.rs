//! Statement to wire.

use proto::quantity::UncertainQuantity;
use proto::{decimal, interval};
use record::footprint::{FootprintStatement, ResultValue};

fn result(result: &ResultValue) -> Option<UncertainQuantity> {
    Some(UncertainQuantity {
        value: Some(decimal(result.value.as_str())),
        unit: result.unit.to_string(),
        standard_uncertainty: Some(decimal(result.standard_uncertainty.as_str())),
        expanded_uncertainty: Some(decimal(result.expanded_uncertainty.as_str())),
        coverage_factor: Some(decimal(result.coverage_factor.as_str())),
    })
}

/// The resource of a statement.
pub fn footprint(
    name: String,
    plant_toml: String,
    statement: &FootprintStatement,
    now: jiff::Timestamp,
) -> proto::footprint::Footprint {
    proto::footprint::Footprint {
        name,
        plant_toml,
        period: Some(interval(statement.period.start, Some(statement.period.end))),
        product: statement.product.name.clone(),
        product_class: statement.product.cn_code.clone(),
        direct: result(&statement.direct),
        indirect: result(&statement.indirect),
        total: result(&statement.total),
        statement: statement.to_bytes(),
        statement_sha256: statement.digest().0.to_vec(),
        evidence_root: statement.inputs.evidence_root.0.to_vec(),
        create_time: Some(proto::timestamp(now)),
        ..Default::default()
    }
}
