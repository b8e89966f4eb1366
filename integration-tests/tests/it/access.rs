//! Who may call: one row for every RPC, kept by the running server; certificates; organisations.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use integration_tests::cast;
use integration_tests::cement;
use integration_tests::story;
use prost::Message;
use prost_reflect::DescriptorPool;
use proto::convert::metering as words;
use proto::{certification, footprint, interval, metering};
use runtime::access::{COMMON, Table};
use runtime::{Caller, Role};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tonic::Code;
use touchstone::identities::{Authority, Pair};
use touchstone_client::{Client, Identity, new_request_id};

use crate::support::{self, ORGANIZATION, Refused, SITE, Stage, Told, refused, refused_call};

#[test]
fn every_rpc_has_one_row_and_no_row_is_without_an_rpc() {
    let mut pool = support::descriptors();
    for bytes in [tonic_health::pb::FILE_DESCRIPTOR_SET, tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET] {
        let other = DescriptorPool::decode(bytes).expect("descriptors");
        pool.add_file_descriptor_protos(other.file_descriptor_protos().cloned()).expect("descriptors");
    }
    let mut rpcs: Vec<String> =
        pool.services().flat_map(|service| service.methods().map(|m| support::path(&m)).collect::<Vec<_>>()).collect();
    rpcs.sort();
    let mut rows: Vec<String> = support::rows().iter().chain(COMMON).map(|(path, _)| (*path).to_owned()).collect();
    rows.sort();
    // A path listed twice shows here too: as lists, not as sets.
    assert_eq!(rows, rpcs);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_the_table_for_every_role() {
    let stage = Stage::open().await;
    let table = Table::new(support::rows());
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Service) {
        let caller = support::person("nobody-else", role);
        let client = stage.client(&caller);
        for method in support::methods() {
            let path = support::path(&method);
            let answer = support::call(&client, &path, Vec::new()).await;
            if table.judge(&path, Some(&caller)).is_ok() {
                if let Err(status) = answer {
                    let refused = support::refusal(&status);
                    assert_ne!(refused.reason, "CALLER_NOT_ALLOWED", "{role:?} {path}");
                    assert_ne!(refused.code, Code::Unimplemented, "{path}");
                }
                continue;
            }
            let refused = refused(answer);
            assert_eq!(
                (refused.code, refused.reason.as_str()),
                (Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
                "{path}"
            );
            assert_eq!(refused.metadata["method"], path);
            assert_eq!(refused.metadata["role"], role.word());
            assert!(!refused.metadata["allowed_roles"].split(", ").any(|word| word == role.word()), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_without_a_row_refuses_everybody() {
    let stage = Stage::open().await;
    for caller in [cast::operator(), Caller::service("in-process")] {
        let path = "/touchstone.registry.v1.RegistryService/DeleteEntry";
        let refused = refused(support::call(&stage.client(&caller), path, Vec::new()).await);
        assert_eq!(refused.reason, "CALLER_NOT_ALLOWED");
        assert_eq!(refused.metadata["method"], path);
    }
}

fn connect(stage: &Stage, pair: &Pair) -> Client {
    let identity = Identity {
        certificate: pair.certificate_pem.as_bytes(),
        key: pair.key_pem.as_bytes(),
        authority: stage.world.installation.authority.pair().certificate_pem.as_bytes(),
    };
    Client::at(&identity, &stage.world.addresses(), "localhost").expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_names_no_caller_is_unknown() {
    let stage = Stage::open().await;
    let (pair, _) = stage.world.installation.authority.signer("did:web:nobody.example", "Nobody").expect("a pair");
    let client = connect(&stage, &pair);
    for method in support::methods() {
        let path = support::path(&method);
        let refused = refused(support::call(&client, &path, Vec::new()).await);
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unauthenticated, "CALLER_UNKNOWN"), "{path}");
    }
    // Health is for everybody with a certificate of this installation.
    let path = "/grpc.health.v1.Health/Check";
    assert_eq!(support::call(&client, path, Vec::new()).await.expect("health").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_a_service_by_certificate() {
    let stage = Stage::open().await;
    let person = |organization: &str, role| Caller { organization: organization.into(), role, person: "eve".into() };
    for caller in [Caller::service("in-process"), person("acme", Role::Service), person("touchstone", Role::Exporter)] {
        let pair = stage.world.installation.authority.caller(&caller).expect("a pair");
        let client = connect(&stage, &pair);
        for path in [
            "/touchstone.footprint.v1.FootprintService/FindFootprints",
            "/touchstone.metering.v1.MeteringService/ListSites",
        ] {
            let refused = refused(support::call(&client, path, Vec::new()).await);
            assert_eq!(refused.reason, "CALLER_UNKNOWN", "{} on {path}", caller.uri());
        }
        // The key that could make such a certificate does not make it by our own command either.
        let out = stage.world.folder.join("eve");
        let folder = stage.world.folder.join("installation");
        let refused = touchstone::init::enrol(&folder, &caller, &out).expect_err("reserved");
        assert!(matches!(refused, touchstone::init::InitError::Reserved { .. }), "{refused}");
        assert!(!out.with_extension("crt").exists() && !out.with_extension("key").exists());
    }
}

/// What TLS says to a client with this certificate, or with none, once it sends something.
fn shake_hands(stage: &Stage, pair: Option<&Pair>) -> std::io::Result<usize> {
    let authority = &stage.world.installation.authority.pair().certificate_der;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.clone())).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from(pair.certificate_der.clone())],
                PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).expect("a key"),
            )
            .expect("a pair"),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut socket = TcpStream::connect(stage.world.addresses().registry)?;
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")?;
    stream.read(&mut [0; 64])
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_refuses_other_authorities_and_no_certificate() {
    let stage = Stage::open().await;
    let own = stage.world.installation.authority.caller(&cast::operator()).expect("a pair");
    let other = Authority::new("touchstone authority").expect("an authority");
    // The same name and the same caller: only the authority's key is another.
    let foreign = other.caller(&cast::operator()).expect("a pair");
    tokio::task::block_in_place(|| {
        assert!(shake_hands(&stage, Some(&own)).expect("our own certificate passes") > 0);
        let alert = shake_hands(&stage, None).expect_err("no certificate").to_string();
        assert!(alert.contains("CertificateRequired"), "{alert}");
        let alert = shake_hands(&stage, Some(&foreign)).expect_err("another authority").to_string();
        assert!(alert.contains("fatal alert"), "{alert}");
    });
    // And through the client: no answer of any handler.
    let status =
        support::call(&connect(&stage, &foreign), "/touchstone.registry.v1.RegistryService/GetCheckpoint", Vec::new())
            .await
            .expect_err("another authority");
    assert!(status.details().is_empty() && std::error::Error::source(&status).is_some(), "{status:?}");
}

#[track_caller]
fn other_organization(refused: &Refused, what: &str) {
    assert_eq!((refused.code, refused.reason.as_str()), (Code::PermissionDenied, "OTHER_ORGANIZATION"), "{what}");
    assert_eq!(refused.metadata["owner_organization"], ORGANIZATION, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_organization_is_closed_to_others() {
    let told = Told::tell().await;
    let rival = told.stage.client(&support::person("steel-rival", Role::Exporter));
    let cement = cement::generate(ORGANIZATION, support::SITE_ID);
    let (instrument, calibrations) = &cement.instruments[0];
    let year = || Some(interval(cement.period.start, Some(cement.period.end)));
    let id = new_request_id;
    let (site, name, footprint) = (|| SITE.to_owned(), || instrument.name.clone(), || told.footprint.name.clone());
    let organization = || format!("organizations/{ORGANIZATION}");
    let now = || Some(proto::timestamp(jiff::Timestamp::now()));
    let since = now();
    let mut taking_over = words::to_instrument(instrument);
    taking_over.placements[0].period = Some(proto::google::r#type::Interval { start_time: since, end_time: None });
    let meter = "/touchstone.metering.v1.MeteringService";
    let prints = "/touchstone.footprint.v1.FootprintService";
    let certifies = "/touchstone.certification.v1.CertificationService";
    let application = |footprint: String| {
        Some(certification::Application {
            footprint,
            certification_body: "green-cert".into(),
            scheme: story::SCHEME.into(),
            ..Default::default()
        })
    };
    let requests: Vec<(String, Vec<u8>)> = vec![
        (
            format!("{meter}/CreateSite"),
            metering::CreateSiteRequest {
                parent: organization(),
                site_id: "taken-over".into(),
                site: Some(metering::Site { display_name: "x".into(), country: "XA".into(), ..Default::default() }),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (format!("{meter}/GetSite"), metering::GetSiteRequest { name: site() }.encode_to_vec()),
        (
            format!("{meter}/ListSites"),
            metering::ListSitesRequest { parent: organization(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/CreateInstrument"),
            metering::CreateInstrumentRequest {
                parent: site(),
                instrument_id: "another".into(),
                instrument: Some(words::to_instrument(instrument)),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (format!("{meter}/GetInstrument"), metering::GetInstrumentRequest { name: name() }.encode_to_vec()),
        (
            format!("{meter}/ListInstruments"),
            metering::ListInstrumentsRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/CreateCalibration"),
            metering::CreateCalibrationRequest {
                parent: name(),
                calibration_id: "another".into(),
                calibration: Some(words::to_calibration(&calibrations[0])),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/ListCalibrations"),
            metering::ListCalibrationsRequest { parent: name(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/IngestReadings"),
            metering::IngestReadingsRequest { batch: Some(words::to_reading_batch(&cement.readings)) }.encode_to_vec(),
        ),
        (
            format!("{meter}/ListReadings"),
            metering::ListReadingsRequest { parent: name(), period: year(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/CreateWeighbridgeRecord"),
            metering::CreateWeighbridgeRecordRequest {
                parent: site(),
                weighbridge_record_id: "another".into(),
                weighbridge_record: Some(words::to_weighbridge_record(&cement.weighbridge[0])),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/CreateStockRecord"),
            metering::CreateStockRecordRequest {
                parent: site(),
                stock_record_id: "another".into(),
                stock_record: Some(words::to_stock_record(&cement.stocks[0])),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/CreateLaboratoryAnalysis"),
            metering::CreateLaboratoryAnalysisRequest {
                parent: site(),
                laboratory_analysis_id: "another".into(),
                laboratory_analysis: Some(words::to_laboratory_analysis(&cement.analyses[0])),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/MoveInstrument"),
            metering::MoveInstrumentRequest {
                name: name(),
                location: "elsewhere".into(),
                move_time: now(),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/ReplaceInstrument"),
            metering::ReplaceInstrumentRequest {
                name: name(),
                instrument_id: "next".into(),
                instrument: Some(taking_over.clone()),
                replacement_time: since,
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/RetireInstrument"),
            metering::RetireInstrumentRequest { name: name(), retirement_time: now(), request_id: id() }
                .encode_to_vec(),
        ),
        (
            format!("{meter}/ImportCalibration"),
            metering::ImportCalibrationRequest {
                parent: name(),
                calibration_id: "file".into(),
                certificate: b"x".to_vec(),
                request_id: id(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/GetCalibrationFile"),
            metering::GetCalibrationFileRequest { name: format!("{}/calibrations/another", name()) }.encode_to_vec(),
        ),
        (
            format!("{meter}/ListCalibrationWarnings"),
            metering::ListCalibrationWarningsRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/WatchCalibrationWarnings"),
            metering::WatchCalibrationWarningsRequest { parent: site() }.encode_to_vec(),
        ),
        (
            format!("{meter}/CreateInspection"),
            metering::CreateInspectionRequest {
                parent: name(),
                inspection_id: "i".into(),
                inspection: Some(metering::Inspection {
                    inspection_time: now(),
                    inspector: "x".into(),
                    seal: 1,
                    ..Default::default()
                }),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{meter}/ListInspections"),
            metering::ListInspectionsRequest { parent: name(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/ListGasConversions"),
            metering::ListGasConversionsRequest { parent: name(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/RecordReadings"),
            metering::RecordReadingsRequest { batch: Some(words::to_reading_batch(&cement.readings)) }.encode_to_vec(),
        ),
        (
            format!("{meter}/StreamReadings"),
            metering::StreamReadingsRequest { parent: name(), period: year(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/ComputeConsumption"),
            metering::ComputeConsumptionRequest { instrument: name(), period: year(), ..Default::default() }
                .encode_to_vec(),
        ),
        (
            format!("{meter}/ListWeighbridgeRecords"),
            metering::ListWeighbridgeRecordsRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/ListStockRecords"),
            metering::ListStockRecordsRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/ListLaboratoryAnalyses"),
            metering::ListLaboratoryAnalysesRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{meter}/GetWeighbridgeRecord"),
            metering::GetWeighbridgeRecordRequest { name: format!("{}/weighbridgeRecords/another", site()) }
                .encode_to_vec(),
        ),
        (
            format!("{meter}/GetStockRecord"),
            metering::GetStockRecordRequest { name: format!("{}/stockRecords/another", site()) }.encode_to_vec(),
        ),
        (
            format!("{meter}/GetLaboratoryAnalysis"),
            metering::GetLaboratoryAnalysisRequest { name: format!("{}/laboratoryAnalyses/another", site()) }
                .encode_to_vec(),
        ),
        (
            format!("{meter}/GetGasConversion"),
            metering::GetGasConversionRequest { name: format!("{}/gasConversions/another", name()) }.encode_to_vec(),
        ),
        (
            format!("{meter}/StreamEvidence"),
            metering::StreamEvidenceRequest { parent: site(), period: year(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{prints}/ComputeFootprint"),
            footprint::ComputeFootprintRequest {
                parent: site(),
                footprint_id: "another".into(),
                plant_toml: told.plant_toml.clone(),
                request_id: id(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        (format!("{prints}/GetFootprint"), footprint::GetFootprintRequest { name: footprint() }.encode_to_vec()),
        (
            format!("{prints}/ListFootprints"),
            footprint::ListFootprintsRequest { parent: site(), ..Default::default() }.encode_to_vec(),
        ),
        (
            format!("{prints}/RecomputeFootprint"),
            footprint::RecomputeFootprintRequest { name: footprint() }.encode_to_vec(),
        ),
        (
            format!("{certifies}/CreateApplication"),
            certification::CreateApplicationRequest {
                parent: organization(),
                application_id: "another".into(),
                application: application(footprint()),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            // Its own application, with somebody else's footprint.
            format!("{certifies}/CreateApplication"),
            certification::CreateApplicationRequest {
                parent: "organizations/steel-rival".into(),
                application_id: "another".into(),
                application: application(footprint()),
                request_id: id(),
            }
            .encode_to_vec(),
        ),
        (
            format!("{certifies}/GetApplication"),
            certification::GetApplicationRequest { name: told.application.clone() }.encode_to_vec(),
        ),
        (
            format!("{certifies}/ListApplications"),
            certification::ListApplicationsRequest { parent: organization(), ..Default::default() }.encode_to_vec(),
        ),
    ];
    for (path, request) in &requests {
        other_organization(&refused(support::call(&rival, path, request.clone()).await), path);
    }
    // The exporter itself gets further with the very same requests: none of them is refused for its organisation.
    let exporter = told.stage.client(&cast::exporter());
    for (path, request) in &requests {
        if let Err(status) = support::call(&exporter, path, request.clone()).await {
            let rival = request.windows(11).any(|window| window == b"steel-rival");
            assert_eq!(support::refusal(&status).reason == "OTHER_ORGANIZATION", rival, "{path}");
        }
    }
    // A footprint of one's own plant file that points at the other's site.
    let plant = told.plant_toml.clone();
    let request = footprint::ComputeFootprintRequest {
        parent: "organizations/steel-rival/sites/mill".into(),
        footprint_id: "stolen".into(),
        plant_toml: plant,
        request_id: id(),
        ..Default::default()
    };
    let refused = refused_call(&rival, &format!("{prints}/ComputeFootprint"), &request).await;
    assert_eq!(refused.fields, ["plant_toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certification_body_sees_nothing() {
    let told = Told::tell().await;
    let name = || told.application.clone();
    let absent = || format!("organizations/{ORGANIZATION}/applications/never-made");
    let certifies = "/touchstone.certification.v1.CertificationService";
    for role in [Role::Reviewer, Role::Decider] {
        let other = told.stage.client(&support::person("other-cert", role));
        for name in [name(), absent()] {
            let get = certification::GetApplicationRequest { name: name.clone() };
            other_organization(&refused_call(&other, &format!("{certifies}/GetApplication"), &get).await, "get");
            let stream = certification::StreamApplicationEvidenceRequest { name: name.clone() };
            let path = format!("{certifies}/StreamApplicationEvidence");
            other_organization(&refused_call(&other, &path, &stream).await, "evidence");
            let (path, request) = match role {
                Role::Reviewer => (
                    format!("{certifies}/ReviewApplication"),
                    certification::ReviewApplicationRequest {
                        name,
                        recomputed_sha256: told.footprint.statement_sha256.clone(),
                        note: String::new(),
                        request_id: new_request_id(),
                    }
                    .encode_to_vec(),
                ),
                _ => (
                    format!("{certifies}/DecideApplication"),
                    certification::DecideApplicationRequest {
                        name,
                        granted: true,
                        reason: "x".into(),
                        request_id: new_request_id(),
                    }
                    .encode_to_vec(),
                ),
            };
            other_organization(&refused(support::call(&other, &path, request).await), &path);
        }
        let list = || certification::ListApplicationsRequest { parent: "organizations/-".into(), ..Default::default() };
        let theirs = other.certification().list_applications(list()).await.expect("their own list").into_inner();
        assert_eq!(theirs.applications, []);
        let own = told.stage.client(&support::person("green-cert", role));
        let ours = own.certification().list_applications(list()).await.expect("the body's list").into_inner();
        assert_eq!(ours.applications.iter().map(|a| &a.name).collect::<Vec<_>>(), [&told.application]);
    }
}
