//! What is to be signed of an edition, so that others can tell it from any other: the statements of
//! [`record::edition`], made from methods and sets of factors as they were read.

use jiff::Timestamp;
use quantity::GwpSet;
use record::edition::{EditionFile, EditionReference, FactorSetStatement, MethodStatement};

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
        gwp_set: gwp_edition(method.gwp_set),
        factor_sets,
        file: EditionFile { digest: method.digest(), size: method.size(), media_type: "application/toml".to_owned() },
        from: publication.from,
        supersedes: publication.supersedes.map(str::to_owned),
    }
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
