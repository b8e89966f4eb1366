//! `touchctl sites`.

use std::io::{Result as Written, Write};

use proto::metering as wire;
use serde::Serialize;
use touchstone_client::ClientError;

use crate::args::{SiteArgs, SitesCommand};
use crate::connection::{Server, pages};
use crate::error::Error;
use crate::{DONE, Surroundings, output};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    title: String,
    country: String,
}

impl From<wire::Site> for Shown {
    fn from(site: wire::Site) -> Self {
        Shown { name: site.name, title: site.display_name, country: site.country }
    }
}

/// Runs a command.
pub(crate) fn run(command: &SitesCommand, json: bool, world: &mut Surroundings<'_>) -> Result<u8, Error> {
    let written = match command {
        SitesCommand::Create(args) => {
            let site = create(args)?;
            if json { output::json(world.out, &site) } else { print(world.out, &site) }
        }
        SitesCommand::List { organization, connection } => {
            let sites = list(&Server::open(connection)?, organization)?;
            match json {
                true => output::json(world.out, &serde_json::json!({ "sites": sites })),
                false => sites.iter().try_for_each(|site| print(world.out, site)),
            }
        }
    };
    written.map(|()| DONE).map_err(Error::Output)
}

fn create(args: &SiteArgs) -> Result<Shown, Error> {
    let server = Server::open(&args.connection)?;
    let (parent, id) = args.name.rsplit_once("/sites/").unwrap_or((&args.name, ""));
    let request = wire::CreateSiteRequest {
        parent: parent.to_owned(),
        site_id: id.to_owned(),
        site: Some(wire::Site {
            display_name: args.title.clone(),
            country: args.country.clone(),
            ..Default::default()
        }),
        request_id: args.change.id(),
    };
    let made = server.change(&request.request_id.clone(), async {
        Ok(server.client().metering().create_site(request).await?.into_inner())
    })?;
    Ok(made.into())
}

fn list(server: &Server, organization: &str) -> Result<Vec<Shown>, Error> {
    let found = server.wait(pages(|page_token| async {
        let request = wire::ListSitesRequest { parent: organization.to_owned(), page_size: 1_000, page_token };
        let page = server.client().metering().list_sites(request).await?.into_inner();
        Ok::<_, ClientError>((page.sites, page.next_page_token))
    }))?;
    Ok(found.into_iter().map(Shown::from).collect())
}

fn print(out: &mut dyn Write, site: &Shown) -> Written<()> {
    output::row(out, "Site", &site.name)?;
    output::row(out, "", &format!("{}, {}", site.title, site.country))
}
