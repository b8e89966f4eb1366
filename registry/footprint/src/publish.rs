//! What is to be signed of an edition, so that others can tell it from any other: the statements of
//! [`record::edition`], made from methods and sets of factors as they were read.

use jiff::Timestamp;
use quantity::GwpSet;
use record::edition::{EditionFile, EditionReference, FactorSetStatement, MethodStatement};

use crate::category::ProductCategoryRules;
use crate::factors::{FactorSet, gwp_digest};
use crate::method::Method;

/// What a publisher adds to an edition.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The statement's own id (URI).
    pub id: &'a str,
    /// DID of the publisher.
    pub issuer: &'a str,
    /// First instant at which the edition may be used.
    pub from: Timestamp,
    /// Id of the statement whose edition it takes the place of.
    pub supersedes: Option<&'a str>,
}

/// Version of the tables of global warming potentials: a set never changes, so there is one.
const GWP_VERSION: &str = "1";

fn gwp_edition(set: GwpSet) -> EditionReference {
    EditionReference { id: set.to_string(), version: GWP_VERSION.to_owned(), digest: gwp_digest(set) }
}

/// The statement of a method, with the digests of everything it rests on.
pub fn method_statement(method: &Method, publication: &Publication<'_>) -> MethodStatement {
    let mut factor_sets: Vec<EditionReference> = method
        .allowed_factors()
        .into_iter()
        .map(|set| EditionReference { digest: set.digest, id: set.id, version: set.version })
        .collect();
    factor_sets.sort_by(|a, b| a.id.cmp(&b.id));
    MethodStatement {
        id: publication.id.to_owned(),
        issuer: publication.issuer.to_owned(),
        method: method.id.clone(),
        version: method.version.clone(),
        scheme: method.scheme.clone(),
        narrows: None,
        gwp_set: gwp_edition(method.gwp_set),
        factor_sets,
        file: EditionFile { digest: method.digest(), size: method.size(), media_type: "application/toml".to_owned() },
        from: publication.from,
        supersedes: publication.supersedes.map(str::to_owned),
    }
}

/// The statement of product-category rules that narrow a method, with the sets of factors that they leave of it.
///
/// # Errors
/// [`NotNarrowed`] where the rules are not for the method.
pub fn category_rules_statement(
    rules: &ProductCategoryRules,
    method: &Method,
    publication: &Publication<'_>,
) -> Result<MethodStatement, NotNarrowed> {
    if !rules.methods.contains(&method.id) {
        return Err(NotNarrowed { rules: rules.id.clone(), method: method.id.clone() });
    }
    let narrowed = method_statement(&rules.narrow(method.clone()), publication);
    let reference = EditionReference { id: narrowed.method, version: narrowed.version, digest: method.digest() };
    Ok(MethodStatement {
        method: rules.id.clone(),
        version: rules.version.clone(),
        narrows: Some(reference),
        file: EditionFile { digest: rules.digest(), size: rules.size(), media_type: "application/toml".to_owned() },
        ..narrowed
    })
}

/// Product-category rules are not for a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("product-category rules {rules:?} are not for method {method:?}: publish them for one that they name")]
pub struct NotNarrowed {
    /// Id of the rules.
    pub rules: String,
    /// Id of the method.
    pub method: String,
}

/// The statement of a set of factors.
pub fn factor_set_statement(set: &FactorSet, publication: &Publication<'_>) -> FactorSetStatement {
    FactorSetStatement {
        id: publication.id.to_owned(),
        issuer: publication.issuer.to_owned(),
        factor_set: set.id.clone(),
        version: set.version.clone(),
        file: EditionFile { digest: set.digest, size: set.size(), media_type: "text/csv".to_owned() },
        // A table is at most 4 MiB, so its rows fit.
        factors: u32::try_from(set.factors().len()).unwrap_or(u32::MAX),
        from: publication.from,
        supersedes: publication.supersedes.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::instrument::Sha256;
    use record::json;

    #[test]
    fn every_edition_can_be_published() {
        let from = "2026-01-01T00:00:00Z".parse().unwrap();
        let publication =
            Publication { id: "https://schemes.example/1", issuer: "did:web:schemes.example", from, supersedes: None };
        for method in Method::all() {
            let payload = json::write(&method_statement(&method, &publication));
            let read = MethodStatement::from_payload(&payload).unwrap_or_else(|error| panic!("{}: {error}", method.id));
            assert_eq!(read.file.digest, method.digest());
            assert_eq!(read.factor_sets.len(), method.factor_sets.len());
            assert_eq!(read.gwp_set.digest, Sha256::of(method.gwp_set.table().as_bytes()));
        }
        let text = include_bytes!("../examples/cement-rules.toml");
        let rules = ProductCategoryRules::read(text).unwrap();
        for id in &rules.methods {
            let method = Method::find(id).unwrap();
            let payload = json::write(&category_rules_statement(&rules, &method, &publication).unwrap());
            let read = MethodStatement::from_payload(&payload).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!((read.file.digest, read.file.size), (Sha256::of(text), text.len() as u64));
            let narrows = read.narrows.unwrap();
            assert_eq!((narrows.id, narrows.digest), (id.clone(), method.digest()));
            assert_eq!(read.factor_sets, []);
        }
        let other = Method::find("cbam-2026").unwrap();
        assert!(category_rules_statement(&rules, &other, &publication).is_err());
        for set in FactorSet::shipped() {
            let payload = json::write(&factor_set_statement(&set, &publication));
            let read = FactorSetStatement::from_payload(&payload).unwrap_or_else(|error| panic!("{}: {error}", set.id));
            assert_eq!((read.file.digest, read.file.size), (set.digest, set.size()));
        }
        let file = include_bytes!("../factors/epa-2023.csv");
        let epa = FactorSet::find_shipped("epa-2023").unwrap();
        assert_eq!((epa.size(), epa.digest), (file.len() as u64, Sha256::of(file)));
    }
}
