//! Sites.

use proto::metering as wire;
use proto::timestamp;
use record::name;
use runtime::{Caller, Refusal};
use store::Batch;
use tonic::{Request, Response, Status};

use super::MeteringService;
use crate::convert;

impl MeteringService {
    pub(super) async fn create_site(
        &self,
        request: Request<wire::CreateSiteRequest>,
    ) -> Result<Response<wire::Site>, Status> {
        let now = timestamp((self.clock)());
        create!(
            self,
            request,
            "MeteringService/CreateSite",
            "site",
            name::ORGANIZATION,
            "sites",
            site,
            site_id,
            |fields, _name, message| convert::site(&mut fields, &Some(message.clone())),
            async |_: &wire::CreateSiteRequest, site: &mut wire::Site| {
                site.create_time = Some(now);
                Ok::<_, Refusal>(Batch::new())
            }
        )
    }

    pub(super) async fn get_site(
        &self,
        request: Request<wire::GetSiteRequest>,
    ) -> Result<Response<wire::Site>, Status> {
        self.own(&Caller::of(&request), name::SITE, "name", &request.get_ref().name)?;
        Ok(Response::new(self.resources.get("site", &request.get_ref().name).await?))
    }

    pub(super) async fn list_sites(
        &self,
        request: Request<wire::ListSitesRequest>,
    ) -> Result<Response<wire::ListSitesResponse>, Status> {
        list!(self, request, name::ORGANIZATION, "sites", ListSitesResponse, sites)
    }
}
