//! One contract, two backends: every case below runs on the store in memory and on the one in SQLite.
//!
//! `sqlite` adds what only a file can get wrong: surviving, being damaged, being read by others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod assertions;
mod clients;
mod consents;
mod events;
mod fixture;
mod grants;
mod sessions;
mod sqlite;
mod upkeep;

/// Runs each case of the contract on each backend: `store_contract!(Memory as memory, ..)`.
macro_rules! store_contract {
    ($($backend:ident as $name:ident),+ $(,)?) => { $(
        mod $name {
            contract_cases! { $backend:
                clients::a_client_reads_back_as_it_was_put,
                clients::unknown_ids_are_none,
                clients::a_replaced_client_keeps_its_approval,
                clients::approving_an_unknown_client_adds_none,
                clients::a_block_outlives_what_the_client_says_anew_and_an_approval,
                clients::blocking_an_unknown_client_adds_none,
                clients::clients_are_listed_by_their_approval_and_then_newest_first,
                clients::a_list_of_clients_has_a_hundred_unless_told_and_never_more_than_a_thousand,
                clients::beyond_the_bound_the_oldest_never_approved_go,
                clients::a_flood_stays_within_a_hundredth_of_the_bound,
                clients::a_client_with_an_open_grant_stays,
                clients::a_client_with_a_live_session_stays,
                clients::the_client_just_registered_is_not_the_one_to_go,
                grants::a_grant_reads_back_at_every_stage,
                grants::who_waits_for_a_code_is_listed_until_it_is_given_or_over,
                grants::unknown_ids_and_codes_are_none,
                grants::a_code_is_still_found_after_its_exchange_to_recognise_a_replay,
                grants::an_advance_from_a_stale_revision_is_lost_and_changes_nothing,
                grants::a_grant_that_was_never_added_cannot_advance,
                grants::of_parallel_advances_exactly_one_is_done,
                grants::an_id_or_a_code_is_taken_only_once,
                grants::beyond_the_bound_the_oldest_awaiting_consent_go,
                grants::a_flood_at_any_stage_a_stranger_can_reach_stays_within_the_bound,
                grants::neither_approved_nor_exchanged_grants_count_or_go,
                grants::people_signing_in_outlast_a_flood_of_pages,
                grants::a_flood_of_sign_ins_leaves_pages_to_others,
                sessions::opening_exchanges_the_grant_and_adds_session_and_token,
                sessions::opening_approves_the_client,
                sessions::a_blocked_client_is_given_no_session,
                sessions::a_lost_opening_leaves_nothing_behind,
                sessions::of_parallel_openings_exactly_one_is_done,
                sessions::sessions_are_listed_newest_first,
                sessions::what_came_of_a_session_at_the_provider_is_found_by_its_sid_while_it_lives,
                sessions::touching_adds_calls_and_never_moves_activity_back,
                sessions::rotating_stores_the_answer_the_new_token_and_the_refreshed_session,
                sessions::a_used_token_does_not_rotate_again,
                sessions::tokens_of_ended_unknown_or_other_sessions_do_not_rotate,
                sessions::a_rotation_forgets_the_answers_of_its_session_that_are_past_their_grace,
                sessions::of_parallel_rotations_exactly_one_is_done,
                sessions::a_rotation_racing_an_end_leaves_no_token_that_works,
                sessions::a_refresh_that_came_to_nothing_is_noted_until_one_succeeds,
                sessions::ending_drops_what_can_be_replayed_and_returns_the_session_as_it_was,
                sessions::ending_twice_changes_nothing,
                sessions::a_challenge_is_taken_once_by_the_same_person_at_the_same_client,
                sessions::a_refresh_that_succeeds_needs_no_challenge,
                sessions::calls_counted_during_a_refresh_stay_counted,
                consents::a_consent_is_found_by_browser_client_and_redirect,
                consents::a_consent_given_again_replaces_the_one_before,
                consents::beyond_the_bound_the_oldest_consents_go,
                consents::a_flood_of_consents_stays_within_a_hundredth_of_the_bound,
                consents::forgetting_takes_every_redirect_of_one_client_in_one_browser,
                assertions::an_assertion_counts_once_until_it_is_forgotten,
                assertions::a_request_repeated_within_the_grace_is_no_second_use,
                assertions::of_parallel_uses_exactly_one_is_done,
                events::every_kind_of_event_reads_back,
                events::appending_answers_the_positions,
                events::events_come_newest_first_and_page_by_position,
                events::a_page_has_a_hundred_unless_told_and_never_more_than_a_thousand,
                events::events_are_filtered_by_attempt_and_session,
                events::an_attempt_is_told_by_the_first_and_last_of_each_kind,
                events::beyond_the_bound_the_oldest_events_go,
                events::a_flood_of_strangers_does_not_wash_out_what_people_did,
                events::appending_alone_keeps_the_log_within_a_hundredth_of_its_bound,
                events::an_event_far_too_long_is_stored_cut,
                events::only_the_long_texts_of_a_long_event_are_cut,
                events::no_position_is_given_twice,
                upkeep::the_store_answers,
                upkeep::nothing_goes_before_its_time,
                upkeep::a_grant_is_forgotten_on_time_and_its_code_with_it,
                upkeep::a_session_not_refreshed_ends_and_is_forgotten_thirty_days_later,
                upkeep::tokens_used_long_before_the_end_stay_as_long_as_their_session,
                upkeep::reaping_forgets_answers_past_their_grace_but_not_that_the_token_was_used,
                upkeep::a_used_refresh_token_is_recognised_for_thirty_days,
                upkeep::consents_and_old_events_expire,
                upkeep::forgetting_takes_what_was_named_and_nothing_else,
                upkeep::reaping_brings_tables_down_to_their_bounds,
            }
        }
    )+ };
}

macro_rules! contract_cases {
    ($backend:ident: $($area:ident::$case:ident),+ $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            crate::$area::$case(crate::fixture::Backend::$backend).await;
        }
    )+ };
}

store_contract!(Memory as memory, Sqlite as sqlite_file);
