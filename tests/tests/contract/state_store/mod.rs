//! The promises of every state store. Each case runs on every adapter, and again with every answer lost once and the call
//! repeated; on the embedded store also with its process killed between any two calls, on Redis also in one call of the script
//! with operations of strangers.

mod ambiguous;
mod batches;
mod catalogue;
mod control;
mod crowded;
mod deliver;
mod eager;
mod formats;
mod harness;
mod killed;
mod late;
mod lookup;
mod messages;
mod on_disk;
mod on_server;
mod shared_calls;
mod single_use;
mod successors;
mod suspects;
mod upkeep;
mod wakeups;
mod work;

macro_rules! contract {
    ($($module:ident::$case:ident,)*) => {
        contract!(@on memory, StoreHarness::memory(false), $($module::$case,)*);
        contract!(@on memory_ambiguous, StoreHarness::memory(true), $($module::$case,)*);
        contract!(@on embedded, StoreHarness::embedded(false), $($module::$case,)*);
        contract!(@on embedded_ambiguous, StoreHarness::embedded(true), $($module::$case,)*);
        contract!(@on embedded_killed, StoreHarness::embedded_killed(), $($module::$case,)*);
        contract!(@on redis, StoreHarness::redis(false).await, $($module::$case,)*);
        contract!(@on redis_ambiguous, StoreHarness::redis(true).await, $($module::$case,)*);
        contract!(@on redis_crowded, StoreHarness::redis_crowded(false).await, $($module::$case,)*);
        contract!(@on redis_crowded_ambiguous, StoreHarness::redis_crowded(true).await, $($module::$case,)*);
        contract!(@on redis_cluster, StoreHarness::redis_cluster().await, $($module::$case,)*);
    };
    (@on $adapter:ident, $harness:expr, $($module:ident::$case:ident,)*) => {
        mod $adapter {
            use super::harness::StoreHarness;
            $(#[tokio::test]
            async fn $case() {
                super::$module::$case(&$harness).await;
            })*
        }
    };
}

contract! {
    deliver::an_event_delivered_twice_counts_once,
    deliver::the_owner_takes_what_it_hears_in_order,
    deliver::an_event_nobody_hears_is_unmatched_and_may_come_again,
    deliver::a_family_of_events_is_heard_by_its_pattern,
    deliver::an_unheard_event_that_starts_something_waits_for_the_end_of_the_owner,
    deliver::what_waits_to_start_counts_against_the_inbox,
    deliver::a_side_run_starts_beside_the_owner_and_hears_only_commands,
    deliver::an_answer_to_a_command_goes_by_id_within_its_realm,
    deliver::a_full_inbox_refuses_but_a_hangup_always_fits,
    deliver::an_inbox_is_bounded_in_bytes_too,
    deliver::early_inputs_count_against_the_inbox,
    deliver::older_definitions_are_refused_and_newer_ones_raise_the_shard,
    deliver::the_dedup_window_survives_two_rotations_and_stands_still_without_deliveries,
    deliver::an_id_that_is_still_kept_is_not_started_again,
    deliver::solo_attempts_are_counted_for_each_event,
    eager::what_starts_alone_is_claimed_in_the_same_operation,
    eager::a_repeated_call_gets_the_same_claim_until_it_is_released,
    eager::what_starts_behind_others_waits_for_its_turn,
    eager::nothing_is_claimed_for_an_owner_that_exists_or_a_worker_that_died,
    work::two_workers_never_claim_the_same,
    work::a_claim_takes_what_it_wants_of_its_own_shard,
    work::the_same_nonce_answers_with_the_same_rows,
    work::resumed_go_before_new_and_the_longest_ready_first,
    work::a_commit_stores_everything_in_one,
    work::a_first_transition_that_takes_nothing_leaves_every_input,
    work::every_claim_gives_the_event_that_started_it,
    work::a_commit_under_a_lost_claim_changes_nothing,
    work::parking_on_a_waiting_inbox_gives_it_back,
    work::parking_on_a_waiting_control_gives_it_back,
    work::an_input_wakes_what_is_parked,
    work::unsettled_commands_are_handed_to_the_successor,
    work::finish_settles_a_prefix_and_keeps_the_rest,
    work::a_yield_goes_behind_the_others,
    work::a_release_counts_no_death_and_only_the_holder_can,
    single_use::a_second_start_of_a_live_call_is_a_copy,
    single_use::a_start_after_the_end_is_a_copy_unless_it_is_dated_after_the_end,
    single_use::a_start_after_quarantine_is_a_copy,
    single_use::a_used_reference_is_forgotten_with_the_end_of_its_activeflow,
    single_use::other_references_start_again_and_side_runs_start_beside_a_copy,
    successors::an_ended_owner_gives_up_its_reference,
    successors::what_an_ended_owner_did_not_take_starts_the_next,
    successors::what_the_next_owner_does_not_hear_goes_nowhere,
    successors::early_inputs_go_before_the_inbox_when_the_rest_is_delivered_again,
    late::a_claim_that_arrives_late_takes_nothing,
    late::a_commit_at_another_version_is_fenced,
    late::a_finish_at_another_version_is_fenced,
    late::a_repeated_commit_is_recognised,
    late::a_repeated_finish_is_recognised,
    upkeep::due_waits_come_once_in_order_and_not_early,
    upkeep::a_wait_that_was_replaced_fires_at_its_new_deadline_only,
    upkeep::a_wait_without_deadline_or_an_end_cancels_the_timer,
    upkeep::a_wait_that_falls_due_while_claimed_is_not_lost,
    upkeep::an_overdue_claim_becomes_ready_as_it_was,
    upkeep::ended_ones_are_forgotten_after_their_time,
    upkeep::the_depth_tells_what_waits_and_how_long,
    suspects::what_the_dead_held_is_claimed_only_by_idle_workers_in_groups_of_32,
    suspects::what_dies_in_a_group_is_claimed_alone_and_quarantined_after_five_deaths,
    suspects::a_suspect_that_is_tried_alone_does_not_hide_the_groups,
    suspects::progress_clears_the_suspicion,
    suspects::a_quarantined_owner_gives_up_its_reference_and_can_be_retried,
    suspects::what_would_start_the_next_is_handed_on_at_quarantine,
    suspects::what_a_retried_one_did_not_take_goes_to_the_next_though_it_lost_its_reference,
    suspects::a_dead_id_is_told_so_for_an_hour,
    control::stop_goes_before_pause_and_pause_before_the_rest,
    control::a_control_wakes_and_is_cleared_by_the_transition_that_took_it,
    control::a_control_that_comes_during_a_transition_stays,
    control::a_paused_one_keeps_its_inputs_until_resumed,
    control::stopping_a_quarantined_one_ends_it_at_once,
    control::a_quarantined_one_that_is_stopped_leaves_its_successor_alone,
    control::a_control_of_an_ended_or_unknown_activeflow_is_refused,
    control::a_request_with_an_id_takes_effect_once,
    control::the_ids_of_many_requests_are_known,
    control::an_id_of_a_request_names_one_request,
    control::a_void_request_is_only_looked_up,
    control::a_request_that_is_not_accepted_leaves_no_mark,
    messages::messages_of_all_activeflows_of_a_shard_count_against_their_pair,
    messages::a_commit_with_too_many_messages_changes_nothing_and_keeps_the_claim,
    messages::a_repeated_commit_counts_its_messages_once,
    messages::a_message_counts_for_a_minute,
    lookup::a_list_is_newest_first_and_pages_without_a_gap,
    lookup::the_journal_keeps_the_last_64_entries,
    lookup::the_feed_tells_births_moves_and_ends_and_is_trimmed,
    catalogue::generations_are_exact,
    catalogue::bundles_are_there_before_the_definitions_that_name_them,
    catalogue::a_repeated_publication_is_recognised,
    catalogue::an_edge_is_recorded_once,
    catalogue::a_route_transition_that_was_not_recorded_stays_unknown,
    catalogue::the_store_reports_its_time_and_its_shards,
    catalogue::the_member_list_shows_heartbeats_and_forgets_members_that_are_gone,
    catalogue::a_member_that_left_is_forgotten_with_its_claims,
}
