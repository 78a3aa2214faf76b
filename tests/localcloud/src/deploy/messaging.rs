//! Buses, queues, topics and who listens to them.

use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;

use super::error::{DeployError, call, missing};
use super::functions::allow;
use super::{Deployed, QueueAddress};
use crate::endpoint::Endpoint;
use crate::wiring::{Target, Wiring};

pub(super) async fn make_buses(
    endpoint: &Endpoint,
    wiring: &Wiring,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    let client = aws_sdk_eventbridge::Client::new(&endpoint.config(&deployed.home_region));
    for name in wiring.buses.keys() {
        match client.create_event_bus().name(name).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {}
            Err(error) => return Err(call("create bus", name)(error)),
        }
        let bus = client.describe_event_bus().name(name).send().await.map_err(call("describe bus", name))?;
        let arn = bus.arn.ok_or_else(|| missing("describe bus", name, "Arn"))?;
        deployed.buses.insert(name.clone(), arn);
    }
    Ok(())
}

pub(super) async fn make_queues(
    endpoint: &Endpoint,
    wiring: &Wiring,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    for (name, queue) in &wiring.queues {
        let regions: Vec<String> = deployed.regions_of(queue.regions).into_iter().map(str::to_owned).collect();
        for region in regions {
            let client = aws_sdk_sqs::Client::new(&endpoint.config(&region));
            let retention = (u64::from(queue.retention_days) * 24 * 60 * 60).to_string();
            let create = client
                .create_queue()
                .queue_name(name)
                .attributes(QueueAttributeName::MessageRetentionPeriod, retention);
            let url = create.send().await.map_err(call("create queue", name))?.queue_url;
            let url = url.ok_or_else(|| missing("create queue", name, "QueueUrl"))?;
            let ask = client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
            let attributes = ask.send().await.map_err(call("describe queue", name))?.attributes.unwrap_or_default();
            let arn = attributes.get(&QueueAttributeName::QueueArn).cloned();
            let arn = arn.ok_or_else(|| missing("describe queue", name, "QueueArn"))?;
            deployed.queues.entry(name.clone()).or_default().insert(region, QueueAddress { url, arn });
        }
    }
    Ok(())
}

pub(super) async fn make_topics(
    endpoint: &Endpoint,
    wiring: &Wiring,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    let client = aws_sdk_sns::Client::new(&endpoint.config(&deployed.home_region));
    for name in wiring.topics.keys() {
        let topic = client.create_topic().name(name).send().await.map_err(call("create topic", name))?;
        let arn = topic.topic_arn.ok_or_else(|| missing("create topic", name, "TopicArn"))?;
        deployed.topics.insert(name.clone(), arn);
    }
    Ok(())
}

/// After the functions: a topic needs its subscribers to exist. `Subscribe` finds an equal subscription again.
pub(super) async fn subscribe(endpoint: &Endpoint, wiring: &Wiring, deployed: &Deployed) -> Result<(), DeployError> {
    let client = aws_sdk_sns::Client::new(&endpoint.config(&deployed.home_region));
    for (name, topic) in &wiring.topics {
        let topic_arn = deployed.topics.get(name).ok_or_else(|| missing("subscribe to", name, "TopicArn"))?;
        for subscriber in &topic.subscribers {
            let (protocol, subscriber_arn) = match subscriber {
                Target::Function(function) => ("lambda", deployed.function(function)?.arn.as_str()),
                Target::Queue(queue) => ("sqs", deployed.queue_arn(queue, &deployed.home_region)?),
                Target::Topic(_) | Target::Bus(_) => continue, // refused when the wiring was read
            };
            let request = client.subscribe().topic_arn(topic_arn).protocol(protocol).endpoint(subscriber_arn);
            request.send().await.map_err(call("subscribe to", name))?;
            if let Target::Function(function) = subscriber {
                allow(endpoint, deployed, function, "sns.amazonaws.com", &format!("topic-{name}"), topic_arn).await?;
            }
        }
    }
    Ok(())
}
