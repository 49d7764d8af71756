//! What a server must do so that every MCP client connects the first time and stays connected: rule by rule, with the
//! tests that prove each. The same list is on the page of compatibility.

/// Where a rule is proved.
#[derive(Debug, Clone, Copy)]
pub enum Proof {
    /// `crate::file::test`, or `crate::binary::file::test`; the last part is the function's name.
    Rust(&'static str),
    /// A test of the real clients or of the window: the file below the root, and words that name the test in it.
    Script(&'static str, &'static str),
    /// Words a person reads; nothing a program could do.
    Words(&'static str, &'static str),
    /// Why no test can prove it, beside those that prove a part.
    Untestable(&'static str),
}

#[derive(Debug)]
pub struct Rule {
    pub number: usize,
    pub says: &'static str,
    pub proofs: &'static [Proof],
}

macro_rules! rules {
    ($($number:literal $says:literal: $($kind:ident($($place:literal),*)),+;)*) => {
        pub const RULES: &[Rule] = &[$(Rule { number: $number, says: $says, proofs: &[$(Proof::$kind($($place),*)),+] }),*];
    };
}

rules! {
    1 "Protected resource metadata is the same at the root and below the path of the MCP URL.":
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself"),
        Rust("testkit::imitations::inspector::inspector_0_17_1_direct");
    2 "The resource it names is the MCP URL as it was typed, byte for byte.":
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself"),
        Rust("testkit::imitations::gemini::gemini_cli_insists_on_the_issuer");
    3 "There is one spelling of the issuer: in both documents and in every callback, without a slash at the end.":
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself"),
        Rust("testkit::imitations::inspector::inspector_2_checks_issuer_and_resource_to_the_letter");
    4 "The server's metadata has the addresses RFC 8414 and OpenID Connect give it, and the OpenID ones have what their schema demands.":
        Rust("testkit::stories::discovery::the_aliases_say_the_same_and_the_openid_ones_satisfy_sdk_schemas"),
        Rust("testkit::imitations::chatgpt::chatgpt_comes_by_its_document_and_reads_what_its_tools_need");
    5 "It advertises everything clients branch on, has no null, and keeps its endpoints at the root of the same origin.":
        Rust("testkit::stories::discovery::the_authorization_server_document_is_exactly_this"),
        Rust("testkit::imitations::claude_web::claude_on_the_web_comes_by_its_document");
    6 "Well-known addresses give JSON to everybody at any pace: no redirect, no page, no limit.":
        Rust("testkit::stories::discovery::documents_are_given_to_everybody_at_any_pace"),
        Rust("testkit::stories::discovery::the_aliases_say_the_same_and_the_openid_ones_satisfy_sdk_schemas");
    7 "Without a token every method of the endpoint is 401 with the challenge, before anything else is looked at.":
        Rust("testkit::stories::discovery::without_a_token_every_method_is_challenged_before_anything_else"),
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself"),
        Rust("testkit::imitations::codex::codex_looks_before_every_start_and_refreshes_in_bursts");
    8 "The body of a 401 is JSON with the word Unauthorized in it.":
        Rust("testkit::stories::discovery::without_a_token_every_method_is_challenged_before_anything_else"),
        Rust("testkit::imitations::inspector::inspector_0_17_1_via_its_proxy");
    9 "A token that is not good is 401 with `invalid_token` and a reason, whatever is wrong with it.":
        Rust("testkit::stories::bearer::a_token_that_is_not_good_is_401_whatever_is_wrong_with_it");
    10 "All documents name the same scopes, and whatever scopes a client asks for, it is served what there is.":
        Rust("testkit::stories::discovery::every_document_names_the_same_scopes_and_only_the_servers_says_offline_access"),
        Rust("testkit::stories::authorize::loose_but_honest_requests_are_served");
    11 "Each name of the server is answered as itself, tokens hold on all local ones, and unknown names are turned away.":
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself"),
        Rust("testkit::stories::discovery::a_token_is_good_on_every_loopback_spelling"),
        Rust("testkit::stories::discovery::local_and_public_are_two_places"),
        Rust("testkit::stories::discovery::names_that_merely_resolve_here_are_turned_away");
    12 "Both loopback addresses answer, 127.0.0.1 and ::1.":
        Rust("testkit::stories::discovery::every_spelling_of_our_address_is_answered_as_itself");
    13 "Programs and the well-known clients' pages may call; pages of foreign origins may not.":
        Rust("testkit::stories::discovery::pages_of_foreign_origins_may_not_call_mcp_and_inspectors_may");
    14 "What forwarding headers say never changes who the server is; the tunnel's own listener does.":
        Rust("testkit::stories::discovery::names_that_merely_resolve_here_are_turned_away"),
        Rust("testkit::stories::discovery::a_visitor_of_the_tunnel_who_writes_localhost_is_not_at_this_computer"),
        Rust("engine::life::what_comes_in_by_it_is_public_whatever_it_says_and_off_closes_it");
    15 "Registration is open, 201, and takes the bodies of all known clients as they are.":
        Rust("testkit::stories::registration::every_real_client_registers_and_no_answer_has_a_null");
    16 "The answer repeats what was registered, has no null, and a secret only where one is used.":
        Rust("testkit::stories::registration::every_real_client_registers_and_no_answer_has_a_null");
    17 "Members, grants and scopes that the server does not know do not stand in the way.":
        Rust("testkit::stories::registration::what_we_do_not_know_of_a_registration_does_not_stand_in_its_way"),
        Rust("testkit::imitations::vs_code::vs_code_registers_four_addresses_and_a_grant_we_do_not_have");
    18 "Redirect URIs are judged by their class and not by their vendor; what could run code is refused.":
        Rust("model::redirect::every_class_that_a_real_client_uses_is_accepted"),
        Rust("model::redirect::what_could_run_code_or_leak_is_refused_with_its_reason"),
        Rust("testkit::stories::registration::unsafe_or_unusable_registrations_are_refused_with_the_rfc_code"),
        Rust("testkit::imitations::cursor::cursor_registers_three_kinds_of_addresses_at_once");
    19 "The application type decides nothing.":
        Rust("testkit::stories::registration::what_we_do_not_know_of_a_registration_does_not_stand_in_its_way");
    20 "A client is given the method of authentication it asked for, and a secret with Basic if it asked for none in particular.":
        Rust("testkit::stories::registration::every_real_client_registers_and_no_answer_has_a_null"),
        Rust("testkit::imitations::copilot::copilot_studio_is_given_a_secret_and_a_scope");
    21 "Every registration is answered with a scope.":
        Rust("testkit::stories::registration::every_real_client_registers_and_no_answer_has_a_null"),
        Rust("testkit::imitations::copilot::copilot_studio_is_given_a_secret_and_a_scope");
    22 "Registering twice gives two usable ids, and no pace of registering is refused; memory is bounded instead.":
        Rust("testkit::stories::registration::registering_twice_gives_two_usable_ids"),
        Rust("testkit::stories::registration::a_flood_of_registrations_stays_bounded_and_spares_whoever_was_approved"),
        Rust("testkit::imitations::claude_web::claude_on_the_web_registers_twice_and_uses_both");
    23 "Registrations outlive a restart; an unknown id is `invalid_client` to programs and a readable page to people.":
        Rust("testkit::stories::sign_in::a_restart_costs_nobody_a_registration_or_a_sign_in"),
        Rust("testkit::stories::token::a_code_without_its_proof_buys_nothing_and_stays_good_for_its_owner"),
        Rust("testkit::stories::authorize::without_a_known_client_and_redirect_the_person_reads_it_and_nobody_is_redirected");
    24 "A client can be set up by hand, with or without a secret, for the redirect URIs of the hosted ones.":
        Rust("testkit::stories::sign_in::a_configured_client_needs_no_registration"),
        Rust("model::redirect::a_segment_rule_stands_for_exactly_one_plain_segment");
    25 "Metadata documents are fetched safely, kept, and known by heart for the well-known clients.":
        Rust("authserver::documents::tests::a_well_known_client_is_known_while_its_host_hands_out_nothing"),
        Rust("authserver::documents::tests::an_earlier_copy_stands_in_for_a_week_while_the_host_is_in_trouble"),
        Rust("authserver::documents::fetch::tests::a_public_name_that_also_leads_inside_is_refused"),
        Rust("authserver::documents::fetch::tests::a_redirect_is_reported_and_its_target_never_asked"),
        Rust("testkit::imitations::claude_code::claude_code_comes_by_its_document_and_discovers");
    26 "Documents are read leniently.":
        Rust("authserver::documents::document::tests::a_document_like_chatgpts_may_sign_and_need_not"),
        Rust("authserver::documents::document::tests::a_readable_document_is_always_taken");
    27 "Loopback redirect URIs match on any port and by any spelling of this computer, and on nothing but their path.":
        Rust("model::redirect::loopback_ignores_port_and_spelling_and_nothing_else"),
        Rust("authserver::documents::pinned::every_connector_has_a_document_and_a_redirect_uri_of_its_own"),
        Rust("testkit::imitations::goose::goose_comes_by_its_document_on_any_port");
    28 "Every callback, good or bad, has our issuer and the client's state byte for byte.":
        Rust("testkit::stories::authorize::the_state_comes_back_byte_for_byte_and_none_where_none_was_sent"),
        Rust("testkit::stories::authorize::with_both_known_the_client_is_told_with_state_and_issuer");
    29 "The sign-in may be opened twice and approved twice, and its page lets the browser go back to any client.":
        Rust("testkit::stories::consent::pages_rendered_twice_or_side_by_side_all_stay_good"),
        Rust("testkit::stories::consent::approving_twice_is_harmless"),
        Rust("testkit::stories::consent::the_page_names_client_destination_and_scope_and_warns_of_the_practice_tenant");
    30 "Nothing a client sends reaches the identity provider; our resource is taken in every spelling and no other.":
        Rust("testkit::stories::authorize::the_provider_sees_only_what_the_settings_say"),
        Rust("testkit::stories::authorize::loose_but_honest_requests_are_served"),
        Rust("testkit::stories::authorize::with_both_known_the_client_is_told_with_state_and_issuer");
    31 "Every advertised way to authenticate at the token endpoint works, an empty secret is none, and JSON is told what to send.":
        Rust("testkit::imitations::chatgpt::chatgpt_signs_its_requests"),
        Rust("testkit::stories::assertions::a_client_that_signs_needs_a_fresh_assertion_each_time_even_after_a_restart"),
        Rust("testkit::stories::assertions::the_keys_of_a_published_client_come_from_its_jwks_uri"),
        Rust("testkit::stories::sign_in::every_kind_of_client_authentication_gets_through_and_a_wrong_secret_does_not"),
        Rust("authserver::client_auth::both_halves_of_basic_are_form_decoded"),
        Rust("authserver::client_auth::an_empty_password_is_no_secret_and_two_different_ids_contradict"),
        Rust("testkit::stories::token::json_at_the_token_endpoint_is_told_what_to_send");
    32 "An access token lasts an hour, said as a number, and fits into a header.":
        Rust("testkit::stories::token::the_token_answer_has_the_shape_clients_rely_on");
    33 "There is always a refresh token, asked for or not.":
        Rust("testkit::stories::discovery::every_document_names_the_same_scopes_and_only_the_servers_says_offline_access");
    34 "Refreshing works in every form clients have, and never widens the scope.":
        Rust("testkit::stories::token::every_real_way_of_refreshing_works_and_none_widens"),
        Rust("testkit::imitations::mcp_remote::mcp_remote_asks_first_and_names_its_methods"),
        Rust("testkit::imitations::copilot::copilot_cli_asks_again_for_what_it_was_granted");
    35 "Refresh tokens rotate; an honest repetition gets the same answer, reuse after that ends the session.":
        Rust("testkit::stories::token::parallel_refreshes_of_an_honest_client_get_one_and_the_same_answer"),
        Rust("testkit::stories::token::a_lost_answer_is_given_again_within_the_grace_and_reuse_after_it_ends_the_family"),
        Rust("testkit::imitations::codex::codex_looks_before_every_start_and_refreshes_in_bursts");
    36 "Clients, sessions and both tokens outlive a restart, and a crash.":
        Rust("testkit::stories::sign_in::a_restart_costs_nobody_a_registration_or_a_sign_in"),
        Rust("testkit::stories::token::rotation_keeps_its_answers_across_a_restart"),
        Rust("headless::process::killed_in_a_flood_nothing_acknowledged_is_lost");
    37 "The server refreshes at the identity provider itself; only a definite no ends a session, trouble is 503.":
        Rust("testkit::stories::token::a_provider_that_is_down_logs_nobody_out"),
        Rust("testkit::stories::token::a_person_disabled_at_the_provider_is_out_at_the_next_refresh"),
        Rust("entra::upstream::refresh::a_refresh_sends_the_same_scopes_and_nothing_else"),
        Rust("practice::practice::refusals::the_token_endpoint_refuses_what_entra_refuses");
    38 "Errors of the token endpoint are JSON with the code RFC 6749 has for them, and not kept by caches.":
        Rust("testkit::stories::token::a_code_without_its_proof_buys_nothing_and_stays_good_for_its_owner"),
        Rust("testkit::stories::sign_in::every_kind_of_client_authentication_gets_through_and_a_wrong_secret_does_not");
    39 "A code works once, for minutes, for its client, its redirect URI and its verifier; a double post harms nobody.":
        Rust("testkit::stories::token::an_honest_double_post_is_only_refused_and_a_late_one_revokes"),
        Rust("testkit::stories::token::a_replayed_code_revokes_what_it_bought"),
        Rust("testkit::stories::token::a_code_without_its_proof_buys_nothing_and_stays_good_for_its_owner"),
        Rust("testkit::stories::token::a_code_is_good_for_five_minutes"),
        Rust("model::pkce::verifiers_outside_43_to_128_characters_never_match");
    40 "Only tokens made out to this server open it, and the identity provider's never reach a client.":
        Rust("testkit::stories::bearer::a_token_that_is_not_good_is_401_whatever_is_wrong_with_it"),
        Rust("testkit::stories::token::the_token_answer_has_the_shape_clients_rely_on");
    41 "`server/discover` is answered whole, and the era without a handshake is held to its rules.":
        Rust("mcp::clients::claude_code_probes_with_discover_and_then_shakes_hands"),
        Rust("mcp::clients::chatgpt_discovers_and_lists_tools_in_the_legacy_way_too"),
        Rust("mcp::refusals::the_stateless_era_is_held_to_its_own_rules");
    42 "The handshake repeats a version it knows and offers the newest for the rest.":
        Rust("mcp::clients::the_handshake_echoes_what_it_knows_and_offers_the_newest_for_the_rest"),
        Rust("mcp::clients::claude_web_asks_for_anything_or_names_no_version");
    43 "Missing, reordered or surplus headers of older clients are forgiven.":
        Rust("mcp::refusals::accept_is_forgiven_in_every_form_it_is_met_in"),
        Rust("mcp::refusals::content_type_may_be_missing_or_have_parameters_but_not_name_something_else"),
        Rust("mcp::clients::a_version_header_that_makes_no_sense_does_not_shut_a_legacy_client_out"),
        Rust("mcp::clients::mcp_remote_sends_the_new_headers_on_old_requests");
    44 "Notifications are taken with 202, and with 204 by the one client that 202 crashes.":
        Rust("mcp::clients::the_old_inspector_proxy_gets_204_for_notifications_because_202_crashes_it"),
        Rust("testkit::imitations::inspector::inspector_0_17_1_via_its_proxy");
    45 "Methods other than POST are 405 with `Allow`, never a broken server.":
        Rust("mcp::refusals::only_post_is_taken");
    46 "A good token is served by any name of the server, whoever sends it.":
        Rust("testkit::stories::bearer::a_good_token_is_served_whoever_sends_it_and_by_whichever_name");
    47 "Ids come back as they were sent, parameters in every legal form are taken, batches are refused by name.":
        Rust("mcp::refusals::ids_come_back_as_they_were_sent"),
        Rust("mcp::refusals::params_and_progress_tokens_come_in_every_legal_form"),
        Rust("mcp::refusals::batches_are_refused_by_name");
    48 "There are no sessions of the transport, so a restart cannot end one.":
        Rust("mcp::refusals::no_answer_opens_a_session_and_a_made_up_one_is_ignored");
    49 "Tools carry security schemes, annotations and object schemas, and no null.":
        Rust("mcp::tools::every_tool_carries_all_that_chatgpt_and_the_directories_ask_for");
    50 "A sign-in that ends under way is a result that says how to sign in again.":
        Rust("mcp::tools::a_token_that_ends_under_way_gets_a_challenge_instead_of_facts"),
        Rust("mcp::auth_failure::the_challenge_says_where_to_sign_in_and_why");
    51 "A bad token is 401 before the message is read, on the handshake as on a call.":
        Rust("testkit::stories::discovery::without_a_token_every_method_is_challenged_before_anything_else"),
        Rust("testkit::imitations::chatgpt::chatgpt_comes_by_its_document_and_reads_what_its_tools_need"),
        Rust("testkit::imitations::gemini::gemini_cli_insists_on_the_issuer");
    52 "Simple requests are answered with plain JSON, never with a stream that something on the way could hold up.":
        Rust("mcp::refusals::accept_is_forgiven_in_every_form_it_is_met_in"),
        Rust("testkit::imitations::codex::codex_registers_where_documents_are_not_taken");
    53 "Preflights are answered at every address, without a token, and allow every header that was asked for.":
        Rust("testkit::stories::pages::browsers_get_their_preflight_before_any_token_and_see_what_they_must");
    54 "The headers a page must act on are exposed on the answer itself.":
        Rust("testkit::stories::pages::pages_may_read_every_answer_whatever_its_status"),
        Rust("testkit::imitations::inspector::inspector_1_0_3_direct");
    55 "Pages may read answers of every status.":
        Rust("testkit::stories::pages::pages_may_read_every_answer_whatever_its_status");
    56 "No cookie counts for a page, caches are told so, and private networks are allowed when asked.":
        Rust("testkit::stories::pages::browsers_get_their_preflight_before_any_token_and_see_what_they_must"),
        Rust("testkit::stories::pages::pages_may_read_every_answer_whatever_its_status");
    57 "A real browser and the real Inspectors prove it.":
        Script("src-tauri/tests/inspector/inspector.test.mjs", "is sent to sign in, and comes back connected");
    58 "The MCP URL works with and without a slash at the end, and is answered as it was typed.":
        Rust("testkit::stories::discovery::a_trailing_slash_is_served_as_typed"),
        Rust("mcp::refusals::both_spellings_of_the_url_are_served_without_a_redirect");
    59 "Whoever pastes the bare origin is told the address of the endpoint.":
        Rust("testkit::stories::discovery::the_root_says_what_this_is_and_a_call_there_names_the_endpoint");
    60 "The endpoints answer at the addresses other servers use too, and revoking is answered with 200.":
        Rust("testkit::stories::discovery::the_addresses_other_servers_use_answer_like_ours"),
        Rust("testkit::stories::token::revoking_either_token_ends_the_session_at_once");
    61 "The tunnel's address is looked at from outside, and a page or a refusal in front of it is said.":
        Rust("engine::gate::look::each_thing_on_the_way_has_its_own_sentence_and_the_next_step"),
        Rust("tunnel::supervisor::an_address_that_does_not_lead_here_is_doubted_until_it_does");
    62 "People are told which rules of an edge turn hosted clients away.":
        Words("src-tauri/docs/clients.md", "Block AI bots"),
        Untestable("the rules are those of somebody else's edge");
    63 "Bodies as large as clients send are taken, and larger ones refused in words.":
        Rust("mcp::refusals::bodies_end_at_four_mebibytes_announced_or_not"),
        Rust("testkit::stories::registration::what_a_stranger_writes_is_neither_repeated_nor_kept_at_length"),
        Rust("testkit::stories::registration::what_we_do_not_know_of_a_registration_does_not_stand_in_its_way"),
        Untestable("how fast an answer is depends on the computer; `npm run bench` measures it");
    64 "The log of attempts can be copied and saved without names, because hosted clients show only a number.":
        Script("ui/pages/log/log.test.ts", "copies a report without names"),
        Script("ui/pages/log/log.test.ts", "exports what is shown as CSV"),
        Rust("engine::api::bundle::a_person_is_the_same_number_everywhere_and_never_named");
    65 "All this holds against an identity provider that refuses what Entra refuses.":
        Rust("practice::practice::refusals::the_token_endpoint_refuses_what_entra_refuses"),
        Rust("practice::practice::refusals::authorize_refuses_what_entra_refuses_and_only_a_known_app_hears_of_it"),
        Rust("practice::practice::faults::faults_of_the_token_endpoint_answer_with_their_number_and_go_away_again");
}
