//! The promises of every bus, tested on RabbitMQ, on the embedded bus, and on the embedded bus whose folder is copied and
//! opened again, as after a kill -9. Then the cases that concern only one of them.

mod events;
mod harness;
mod killed;
mod publish;
mod queues;
mod queues_full;
mod rabbitmq;
mod rabbitmq_deleted;
mod rabbitmq_order;
mod rabbitmq_unavailable;
mod rabbitmq_unreadable;
mod rejects;

macro_rules! contract {
    (every { $($module:ident::$case:ident,)* } embedded { $($own_module:ident::$own:ident,)* }) => {
        contract!(@on rabbitmq_keeps, RabbitMq, $($module::$case,)*);
        contract!(@on embedded_keeps, Embedded, $($module::$case,)* $($own_module::$own,)*);
        contract!(@on embedded_killed_keeps, EmbeddedKilled, $($module::$case,)* $($own_module::$own,)*);
    };
    (@on $adapter:ident, $kind:ident, $($module:ident::$case:ident,)*) => {
        mod $adapter {
            use super::harness::Kind;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$module::$case(Kind::$kind).await;
            })*
        }
    };
}

contract! {
    every {
        events::events_come_in_order_as_they_were_published,
        events::an_acknowledgement_covers_exactly_the_prefix,
        events::what_is_not_acknowledged_comes_again_in_every_life_with_a_count,
        events::what_nobody_was_given_has_no_count,
        events::no_more_than_the_prefetch_is_held,
        events::another_consumer_stands_by_until_the_first_is_gone,
        events::a_dropped_wait_loses_nothing,
        events::a_full_event_queue_refuses_until_there_is_room,
        publish::commands_arrive_in_the_order_of_the_calls,
        publish::a_notice_needs_no_listener,
        rejects::rejected_events_are_listed_replayed_and_discarded,
        rejects::every_entry_has_an_id_of_its_own,
        rejects::a_list_shows_the_beginning_of_a_large_body,
        rejects::a_full_rejected_queue_refuses,
        rejects::what_was_rejected_outlives_a_bus,
    }
    embedded {
        events::what_comes_between_two_lives_has_no_count,
        events::what_was_handed_out_is_counted_however_soon_the_process_dies,
        queues::a_queue_takes_what_its_patterns_say,
        queues::opening_again_replaces_the_patterns_and_ends_the_reader_before,
        queues::what_is_not_acknowledged_comes_again_to_the_next_reader,
        queues::a_position_means_one_command_for_ever,
        queues::what_nobody_took_goes_to_the_first_queue_that_does,
        queues::unrouted_commands_are_dropped_oldest_first,
        queues::a_deleted_queue_takes_nothing_any_more,
        queues::a_reader_of_a_deleted_queue_is_none_of_its_successor,
        queues::names_and_patterns_are_checked,
        killed::what_was_answered_is_there_however_soon_the_process_dies,
        killed::what_a_queue_took_over_is_not_unrouted_any_more,
        queues_full::a_full_queue_refuses_and_none_of_the_others_has_it,
        queues_full::what_follows_a_refused_command_is_refused_with_it,
    }
}
