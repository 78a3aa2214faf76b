//! The parameter groups of rooms, with everybody else's turn and the weather before each call.

use holdfast_domain::Region;
use holdfast_domain::tags::Tags;
use holdfast_ports::{MakeParameterGroup, ParameterGroup, ParameterGroupId, ParameterGroups, RoomParameters};

use super::{Answered, Call, Hands, ROOMS};

impl ParameterGroups for Hands {
    async fn parameter_group(&self, group: &ParameterGroupId) -> Answered<ParameterGroup> {
        let call = Call::reads("rds:DescribeDBParameters", &group.name, Some(&group.region));
        self.call(call, || self.world.cloud.parameter_group(group)).await
    }
}

impl RoomParameters for Hands {
    async fn make_parameter_group(&self, request: &MakeParameterGroup) -> Answered<()> {
        let act = || async {
            self.world.cloud.make_parameter_group(request).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room's parameter group was made");
            state.witness.group_made(self.world.now(), &request.group.name, &request.tags);
            Ok(())
        };
        let call = Call::writes("rds:CreateDBParameterGroup", &request.group.name, Some(&request.group.region));
        self.call(call, act).await
    }

    async fn delete_parameter_group(&self, group: &ParameterGroupId) -> Answered<()> {
        let act = || async {
            self.world.cloud.delete_parameter_group(group).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room's parameter group was deleted");
            state.witness.group_deleted(self.world.now(), &group.name);
            Ok(())
        };
        self.call(Call::writes("rds:DeleteDBParameterGroup", &group.name, Some(&group.region)), act).await
    }

    async fn temporary_parameter_groups(&self, region: &Region) -> Answered<Vec<(ParameterGroupId, Tags)>> {
        let call = Call::reads("rds:DescribeDBParameterGroups", region.as_str(), Some(region));
        self.call(call, || self.world.cloud.temporary_parameter_groups(region)).await
    }
}
