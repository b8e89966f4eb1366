//! `verify_online_ratio`: verdicts with proofs by certificate number, against bare tonic that answers the same bytes.

use std::sync::Arc;
use std::time::Instant;

use integration_tests::{cast, story};
use proto::verification as wire;
use proto::verification::verification_service_server::{VerificationService, VerificationServiceServer};
use runtime::connect::{Arrivals, Door, Identity};
use serde_json::json;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use touchstone_client::Client;

use crate::frame::{Figure, Goal, Plan, Sides, median};
use crate::stand::{Stand, drive};
use crate::{Failed, profile};

/// Connections, and calls in progress over all of them.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 64;

/// Bare tonic: the same service, the same answer to everything.
struct Echo(wire::VerifyCertificateResponse);

#[tonic::async_trait]
impl VerificationService for Echo {
    async fn verify_certificate(
        &self,
        _request: Request<wire::VerifyCertificateRequest>,
    ) -> Result<Response<wire::VerifyCertificateResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn verify_bundle(
        &self,
        _request: Request<wire::VerifyBundleRequest>,
    ) -> Result<Response<wire::VerifyBundleResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}

/// What is asked.
pub fn question(number: &str) -> wire::VerifyCertificateRequest {
    wire::VerifyCertificateRequest {
        name: format!("certificates/{number}"),
        arrangement: story::ARRANGEMENT.into(),
        as_of_time: None,
        production_time: None,
        min_size: 0,
    }
}

async fn ask(client: Client, request: wire::VerifyCertificateRequest) -> Result<(), Failed> {
    let answer = client.verification().verify_certificate(request).await?.into_inner();
    let outcome = answer.verdict.unwrap_or_default().outcome();
    match outcome {
        wire::Outcome::Accepted => Ok(()),
        other => Err(format!("the verdict is {other:?}").into()),
    }
}

/// An echo behind the same TLS, on the same threads.
fn echo(stand: &Stand, answer: wire::VerifyCertificateResponse) -> Result<Vec<Client>, Failed> {
    let installation = &stand.world.installation;
    let config = runtime::config::Config::read(&installation.config)?;
    let read = |path: &std::path::Path| std::fs::read(path);
    let tls = &config.tls;
    let identity = Identity::from_pem(&read(&tls.certificate)?, &read(&tls.key)?, &read(&tls.client_authority)?)?;
    let acceptor = watch::Sender::new(identity.server()?);
    let address = stand.server.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arrivals = Arrivals::default();
        let listening = arrivals.listen(listener, acceptor.subscribe(), Door::Callers);
        let service = VerificationServiceServer::new(Echo(answer));
        let serving = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(async move {
            let _ended = serving.serve_with_incoming(arrivals.into_stream()).await;
            drop((listening, acceptor));
        });
        Ok::<_, Failed>(address)
    })?;
    let pair = installation.authority.caller(&cast::regulator())?;
    let identity = touchstone_client::Identity {
        certificate: pair.certificate_pem.as_bytes(),
        key: pair.key_pem.as_bytes(),
        authority: installation.authority.pair().certificate_pem.as_bytes(),
    };
    let _entered = stand.client.enter();
    (0..CONNECTIONS).map(|_| Ok(Client::new(&identity, &address.to_string(), "localhost")?)).collect()
}

/// Measures.
pub fn measure(stand: &Stand, plan: Plan) -> Result<Vec<Figure>, Failed> {
    let certificates = stand.certificates(if plan.quick { 200 } else { 1_000 })?;
    let numbers: Arc<Vec<String>> = Arc::new(certificates.iter().map(|(number, _)| number.clone()).collect());
    let last = stand.register(certificates)?;
    let clients = stand.connections(&cast::regulator(), CONNECTIONS)?;

    // The first question about each certificate: an epoch covers all of them, then nothing is known of any.
    let request = wire::VerifyCertificateRequest { min_size: last + 1, ..question(&numbers[0]) };
    stand.client.block_on(ask(clients[0].clone(), request))?;
    let mut first = Vec::new();
    for number in numbers.iter().skip(1) {
        let began = Instant::now();
        stand.client.block_on(ask(clients[0].clone(), question(number)))?;
        first.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let answer = stand.client.block_on(clients[0].verification().verify_certificate(question(&numbers[0])))?;
    let answer = answer.into_inner();
    let bytes = prost::Message::encoded_len(&answer);
    let echoes = echo(stand, answer)?;

    let ours = |clients: &[Client]| {
        let numbers = numbers.clone();
        drive(&stand.client, clients, IN_FLIGHT, plan.side(), move |client, call| {
            // Odd multiplier: every certificate has its turn, in no order that a cache could like.
            let number = numbers[(call.wrapping_mul(7_919) % numbers.len() as u64) as usize].clone();
            async move { ask(client, question(&number)).await }
        })
    };
    // Both sides once before any counts.
    ours(&clients)?;
    ours(&echoes)?;
    let sides = Sides::measure(plan.rounds(), |_| ours(&clients), |_| ours(&echoes))?;
    let mut detail = sides.detail();
    detail["certificates"] = json!(numbers.len());
    detail["answer_bytes"] = json!(bytes);
    detail["connections"] = json!(CONNECTIONS);
    detail["in_flight"] = json!(IN_FLIGHT);
    detail["first_question_median_us"] = json!(median(&first));
    detail["note"] = json!(
        "the log stands still meanwhile: each certificate is examined once under its checkpoint and asked about again; \
         first_question_median_us is one call at a time about a certificate never asked about"
    );
    Ok(vec![Figure::new("verify_online_ratio", sides.ratio(), "1", Goal::AtLeast(0.5), detail)])
}

/// A profile of the server under this load.
pub fn profile(stand: &Stand, plan: Plan) -> Result<(), Failed> {
    let certificates = stand.certificates(200)?;
    let numbers: Vec<String> = certificates.iter().map(|(number, _)| number.clone()).collect();
    stand.register(certificates)?;
    let numbers = Arc::new(numbers);
    let clients = stand.connections(&cast::regulator(), CONNECTIONS)?;
    profile::record("verify", || {
        drive(&stand.client, &clients, IN_FLIGHT, plan.side() * 3, move |client, call| {
            let number = numbers[(call % numbers.len() as u64) as usize].clone();
            async move { ask(client, question(&number)).await }
        })
        .map(drop)
    })
}
