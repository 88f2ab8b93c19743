CREATE TABLE account_control (
	epoch INTEGER NOT NULL,
	account TEXT NOT NULL,
	state TEXT NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_account_control PRIMARY KEY (epoch),
	CONSTRAINT ck_account_control_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_account_control_state_choice CHECK (state IN ('ARMED', 'REDUCE_ONLY', 'KILLED')),
	CONSTRAINT ck_account_control_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_account_control_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE INDEX ix_account_control_account ON account_control (account)

-- next

CREATE TABLE alerts (
	id INTEGER NOT NULL,
	portfolio TEXT,
	session TEXT,
	severity TEXT NOT NULL,
	code TEXT NOT NULL,
	subject TEXT NOT NULL,
	recovers INTEGER NOT NULL,
	text TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_alerts PRIMARY KEY (id),
	CONSTRAINT ck_alerts_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_alerts_severity_choice CHECK (severity IN ('info', 'warning', 'error', 'critical')),
	CONSTRAINT ck_alerts_code_length CHECK (length(code) BETWEEN 1 AND 64),
	CONSTRAINT ck_alerts_subject_length CHECK (length(subject) BETWEEN 0 AND 200),
	CONSTRAINT ck_alerts_recovers_flag CHECK (recovers IN (0, 1)),
	CONSTRAINT ck_alerts_text_length CHECK (length(text) BETWEEN 1 AND 20000)
)
 STRICT

-- next

CREATE INDEX ix_alerts_portfolio_session_code ON alerts (portfolio, session, code)

-- next

CREATE INDEX ix_alerts_code_subject ON alerts (code, subject)

-- next

CREATE TABLE alert_turns (
	token INTEGER NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
	process_started TEXT NOT NULL,
	taken_at TEXT NOT NULL,
	expires_at TEXT NOT NULL,
	CONSTRAINT pk_alert_turns PRIMARY KEY (token),
	CONSTRAINT ck_alert_turns_host_length CHECK (length(host) BETWEEN 1 AND 255),
	CONSTRAINT ck_alert_turns_process_started_length CHECK (length(process_started) BETWEEN 0 AND 200)
)
 STRICT

-- next

CREATE TABLE environment (
	singleton INTEGER NOT NULL,
	name TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_environment PRIMARY KEY (singleton),
	CONSTRAINT ck_environment_one_row CHECK (singleton = 1),
	CONSTRAINT ck_environment_name_choice CHECK (name IN ('dev', 'paper', 'live'))
)
 STRICT

-- next

CREATE TABLE portfolios (
	portfolio TEXT NOT NULL,
	environment TEXT NOT NULL,
	broker TEXT NOT NULL,
	account TEXT NOT NULL,
	initial_capital INTEGER NOT NULL,
	book_start TEXT NOT NULL,
	created_at TEXT NOT NULL,
	CONSTRAINT pk_portfolios PRIMARY KEY (portfolio),
	CONSTRAINT ck_portfolios_capital_positive CHECK (initial_capital > 0),
	CONSTRAINT ck_portfolios_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_portfolios_environment_choice CHECK (environment IN ('dev', 'paper', 'live')),
	CONSTRAINT ck_portfolios_broker_length CHECK (length(broker) BETWEEN 1 AND 64),
	CONSTRAINT ck_portfolios_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_portfolios_initial_capital_bound CHECK (initial_capital BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE TABLE config_versions (
	config_hash TEXT NOT NULL,
	content TEXT NOT NULL,
	created_at TEXT NOT NULL,
	CONSTRAINT pk_config_versions PRIMARY KEY (config_hash),
	CONSTRAINT ck_config_versions_config_hash_length CHECK (length(config_hash) BETWEEN 1 AND 64),
	CONSTRAINT ck_config_versions_content_length CHECK (length(content) BETWEEN 2 AND 1000000)
)
 STRICT

-- next

CREATE TABLE suspense (
	broker TEXT NOT NULL,
	account TEXT NOT NULL,
	execution_id TEXT NOT NULL,
	portfolio TEXT,
	session TEXT NOT NULL,
	client_order_id TEXT,
	broker_order_id TEXT NOT NULL,
	symbol TEXT NOT NULL,
	quantity INTEGER NOT NULL,
	price INTEGER NOT NULL,
	commission INTEGER NOT NULL,
	cumulative_quantity INTEGER NOT NULL,
	executed_at TEXT NOT NULL,
	why TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_suspense PRIMARY KEY (broker, account, execution_id),
	CONSTRAINT ck_suspense_quantity_not_zero CHECK (quantity <> 0),
	CONSTRAINT ck_suspense_broker_length CHECK (length(broker) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_execution_id_length CHECK (length(execution_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_suspense_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_suspense_broker_order_id_length CHECK (length(broker_order_id) BETWEEN 0 AND 128),
	CONSTRAINT ck_suspense_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_suspense_price_bound CHECK (price BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_suspense_commission_bound CHECK (commission BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_suspense_why_length CHECK (length(why) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE cursors (
	scope TEXT NOT NULL,
	name TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	value TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_cursors PRIMARY KEY (scope, name, sequence),
	CONSTRAINT ck_cursors_scope_length CHECK (length(scope) BETWEEN 1 AND 200),
	CONSTRAINT ck_cursors_name_length CHECK (length(name) BETWEEN 1 AND 64),
	CONSTRAINT ck_cursors_value_length CHECK (length(value) BETWEEN 0 AND 2000)
)
 STRICT

-- next

CREATE TABLE audit_log (
	sequence INTEGER NOT NULL,
	at TEXT NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	subject TEXT NOT NULL,
	content TEXT NOT NULL,
	previous_hash TEXT NOT NULL,
	hash TEXT NOT NULL,
	CONSTRAINT pk_audit_log PRIMARY KEY (sequence),
	CONSTRAINT ck_audit_log_actor_length CHECK (length(actor) BETWEEN 1 AND 64),
	CONSTRAINT ck_audit_log_action_length CHECK (length(action) BETWEEN 1 AND 64),
	CONSTRAINT ck_audit_log_subject_length CHECK (length(subject) BETWEEN 1 AND 200),
	CONSTRAINT ck_audit_log_previous_hash_length CHECK (length(previous_hash) BETWEEN 64 AND 64),
	CONSTRAINT ck_audit_log_hash_length CHECK (length(hash) BETWEEN 64 AND 64)
)
 STRICT

-- next

CREATE TABLE flattens (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	control_epoch INTEGER NOT NULL,
	account_epoch INTEGER NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_flattens PRIMARY KEY (portfolio, session, control_epoch, account_epoch),
	CONSTRAINT fk_flattens_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_flattens_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_flattens_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_flattens_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE alert_deliveries (
	alert_id INTEGER NOT NULL,
	channel TEXT NOT NULL,
	purpose TEXT NOT NULL,
	round INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	message_id TEXT NOT NULL,
	at TEXT NOT NULL,
	delivered INTEGER NOT NULL,
	detail TEXT NOT NULL,
	CONSTRAINT pk_alert_deliveries PRIMARY KEY (alert_id, channel, purpose, round, attempt),
	CONSTRAINT ck_alert_deliveries_counted CHECK (round >= 0 AND attempt >= 1),
	CONSTRAINT fk_alert_deliveries_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (id),
	CONSTRAINT ck_alert_deliveries_channel_length CHECK (length(channel) BETWEEN 1 AND 64),
	CONSTRAINT ck_alert_deliveries_purpose_choice CHECK (purpose IN ('alert', 'escalation', 'acknowledgement')),
	CONSTRAINT ck_alert_deliveries_message_id_length CHECK (length(message_id) BETWEEN 1 AND 64),
	CONSTRAINT ck_alert_deliveries_delivered_flag CHECK (delivered IN (0, 1)),
	CONSTRAINT ck_alert_deliveries_detail_length CHECK (length(detail) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE alert_acknowledgements (
	alert_id INTEGER NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_alert_acknowledgements PRIMARY KEY (alert_id),
	CONSTRAINT fk_alert_acknowledgements_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (id),
	CONSTRAINT ck_alert_acknowledgements_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_alert_acknowledgements_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE alert_ends (
	alert_id INTEGER NOT NULL,
	how TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_alert_ends PRIMARY KEY (alert_id),
	CONSTRAINT fk_alert_ends_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (id),
	CONSTRAINT ck_alert_ends_how_choice CHECK (how IN ('delivered', 'folded', 'acknowledged', 'recovered', 'escalated')),
	CONSTRAINT ck_alert_ends_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE alert_turn_ends (
	token INTEGER NOT NULL,
	at TEXT NOT NULL,
	how TEXT NOT NULL,
	CONSTRAINT pk_alert_turn_ends PRIMARY KEY (token),
	CONSTRAINT fk_alert_turn_ends_token FOREIGN KEY(token) REFERENCES alert_turns (token),
	CONSTRAINT ck_alert_turn_ends_how_length CHECK (length(how) BETWEEN 1 AND 64)
)
 STRICT

-- next

CREATE TABLE leases (
	portfolio TEXT NOT NULL,
	token INTEGER NOT NULL,
	session TEXT NOT NULL,
	stage TEXT NOT NULL,
	host TEXT NOT NULL,
	pid INTEGER NOT NULL,
	process_started TEXT NOT NULL,
	acquired_at TEXT NOT NULL,
	expires_at TEXT NOT NULL,
	CONSTRAINT pk_leases PRIMARY KEY (portfolio, token),
	CONSTRAINT ck_leases_token_rises CHECK (token >= 1),
	CONSTRAINT fk_leases_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_leases_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_leases_stage_length CHECK (length(stage) BETWEEN 1 AND 64),
	CONSTRAINT ck_leases_host_length CHECK (length(host) BETWEEN 0 AND 255),
	CONSTRAINT ck_leases_process_started_length CHECK (length(process_started) BETWEEN 0 AND 200)
)
 STRICT

-- next

CREATE TABLE session_outcomes (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	outcome TEXT NOT NULL,
	reason_code TEXT NOT NULL,
	reason TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_session_outcomes PRIMARY KEY (portfolio, session),
	CONSTRAINT fk_session_outcomes_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_session_outcomes_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_session_outcomes_outcome_choice CHECK (outcome IN ('TRADED', 'NO_TRADES', 'SKIPPED', 'HALTED')),
	CONSTRAINT ck_session_outcomes_reason_code_length CHECK (length(reason_code) BETWEEN 1 AND 64),
	CONSTRAINT ck_session_outcomes_reason_length CHECK (length(reason) BETWEEN 0 AND 20000)
)
 STRICT

-- next

CREATE TABLE suspense_ends (
	broker TEXT NOT NULL,
	account TEXT NOT NULL,
	execution_id TEXT NOT NULL,
	resolution TEXT NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_suspense_ends PRIMARY KEY (broker, account, execution_id),
	CONSTRAINT fk_suspense_ends_broker_account_execution_id FOREIGN KEY(broker, account, execution_id) REFERENCES suspense (broker, account, execution_id),
	CONSTRAINT ck_suspense_ends_broker_length CHECK (length(broker) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_ends_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_ends_execution_id_length CHECK (length(execution_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_suspense_ends_resolution_length CHECK (length(resolution) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_ends_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_suspense_ends_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE reconciliations (
	id INTEGER NOT NULL,
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	stage TEXT NOT NULL,
	ran_at TEXT NOT NULL,
	clean INTEGER NOT NULL,
	broker_cash INTEGER,
	ledger_cash INTEGER NOT NULL,
	discrepancies TEXT NOT NULL,
	lease_token INTEGER NOT NULL,
	CONSTRAINT pk_reconciliations PRIMARY KEY (id),
	CONSTRAINT fk_reconciliations_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_reconciliations_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_reconciliations_stage_length CHECK (length(stage) BETWEEN 1 AND 64),
	CONSTRAINT ck_reconciliations_clean_flag CHECK (clean IN (0, 1)),
	CONSTRAINT ck_reconciliations_broker_cash_bound CHECK (broker_cash BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_reconciliations_ledger_cash_bound CHECK (ledger_cash BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE INDEX ix_reconciliations_portfolio_session ON reconciliations (portfolio, session)

-- next

CREATE TABLE control_state (
	portfolio TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	state TEXT NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_control_state PRIMARY KEY (portfolio, epoch),
	CONSTRAINT fk_control_state_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_control_state_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_control_state_state_choice CHECK (state IN ('ARMED', 'REDUCE_ONLY', 'KILLED')),
	CONSTRAINT ck_control_state_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_control_state_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE overrides (
	id INTEGER NOT NULL,
	portfolio TEXT NOT NULL,
	symbol TEXT,
	kind TEXT NOT NULL,
	value TEXT,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	from_session TEXT NOT NULL,
	until_session TEXT,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_overrides PRIMARY KEY (id),
	CONSTRAINT ck_overrides_in_order CHECK (until_session IS NULL OR until_session >= from_session),
	CONSTRAINT ck_overrides_value_given CHECK ((kind IN ('multiplier', 'max_weight', 'max_shares')) = (value IS NOT NULL)),
	CONSTRAINT fk_overrides_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_overrides_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_overrides_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_overrides_kind_choice CHECK (kind IN ('multiplier', 'reduce_only', 'close_only', 'no_trade', 'max_weight', 'max_shares')),
	CONSTRAINT ck_overrides_value_finite CHECK (lower(value) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_overrides_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_overrides_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE INDEX ix_overrides_portfolio ON overrides (portfolio)

-- next

CREATE TABLE confirmations (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	what TEXT NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_confirmations PRIMARY KEY (portfolio, session, what),
	CONSTRAINT fk_confirmations_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_confirmations_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_confirmations_what_length CHECK (length(what) BETWEEN 1 AND 200),
	CONSTRAINT ck_confirmations_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_confirmations_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE lease_ends (
	portfolio TEXT NOT NULL,
	token INTEGER NOT NULL,
	ended_at TEXT NOT NULL,
	how TEXT NOT NULL,
	CONSTRAINT pk_lease_ends PRIMARY KEY (portfolio, token),
	CONSTRAINT fk_lease_ends_portfolio_token FOREIGN KEY(portfolio, token) REFERENCES leases (portfolio, token),
	CONSTRAINT ck_lease_ends_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_lease_ends_how_choice CHECK (how IN ('released', 'dead', 'expired'))
)
 STRICT

-- next

CREATE TABLE sessions (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	opened_at TEXT NOT NULL,
	lease_token INTEGER NOT NULL,
	config_hash TEXT NOT NULL,
	data_versions TEXT NOT NULL,
	code_version TEXT NOT NULL,
	kind TEXT NOT NULL,
	CONSTRAINT pk_sessions PRIMARY KEY (portfolio, session),
	CONSTRAINT fk_sessions_portfolio_lease_token FOREIGN KEY(portfolio, lease_token) REFERENCES leases (portfolio, token),
	CONSTRAINT fk_sessions_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT fk_sessions_config_hash FOREIGN KEY(config_hash) REFERENCES config_versions (config_hash),
	CONSTRAINT ck_sessions_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_sessions_config_hash_length CHECK (length(config_hash) BETWEEN 1 AND 64),
	CONSTRAINT ck_sessions_code_version_length CHECK (length(code_version) BETWEEN 1 AND 200),
	CONSTRAINT ck_sessions_kind_choice CHECK (kind IN ('decided', 'skipped', 'caught_up'))
)
 STRICT

-- next

CREATE TABLE snapshots (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	version INTEGER NOT NULL,
	nav INTEGER NOT NULL,
	cash INTEGER NOT NULL,
	positions_value INTEGER NOT NULL,
	peak_nav INTEGER NOT NULL,
	drawdown TEXT,
	gross_exposure TEXT,
	net_exposure TEXT,
	realised INTEGER NOT NULL,
	unrealised INTEGER NOT NULL,
	dividends INTEGER NOT NULL,
	cash_in_lieu INTEGER NOT NULL,
	commissions INTEGER NOT NULL,
	flows INTEGER NOT NULL,
	initial_capital INTEGER NOT NULL,
	tripped INTEGER NOT NULL,
	positions_count INTEGER NOT NULL,
	reason TEXT NOT NULL,
	lease_token INTEGER NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_snapshots PRIMARY KEY (portfolio, session, version),
	CONSTRAINT fk_snapshots_portfolio_lease_token FOREIGN KEY(portfolio, lease_token) REFERENCES leases (portfolio, token),
	CONSTRAINT ck_snapshots_nav_is_cash_and_positions CHECK (nav = cash + positions_value),
	CONSTRAINT ck_snapshots_nav_explained CHECK (nav = initial_capital + flows + realised + unrealised + dividends + cash_in_lieu - commissions),
	CONSTRAINT fk_snapshots_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_snapshots_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_snapshots_nav_bound CHECK (nav BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_cash_bound CHECK (cash BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_positions_value_bound CHECK (positions_value BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_peak_nav_bound CHECK (peak_nav BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_drawdown_finite CHECK (lower(drawdown) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_snapshots_gross_exposure_finite CHECK (lower(gross_exposure) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_snapshots_net_exposure_finite CHECK (lower(net_exposure) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_snapshots_realised_bound CHECK (realised BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_unrealised_bound CHECK (unrealised BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_dividends_bound CHECK (dividends BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_cash_in_lieu_bound CHECK (cash_in_lieu BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_commissions_bound CHECK (commissions BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_flows_bound CHECK (flows BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_initial_capital_bound CHECK (initial_capital BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_snapshots_tripped_flag CHECK (tripped IN (0, 1)),
	CONSTRAINT ck_snapshots_reason_length CHECK (length(reason) BETWEEN 0 AND 2000)
)
 STRICT

-- next

CREATE TABLE breaks (
	id INTEGER NOT NULL,
	portfolio TEXT NOT NULL,
	kind TEXT NOT NULL,
	symbol TEXT NOT NULL,
	expected TEXT NOT NULL,
	observed TEXT NOT NULL,
	opened_by INTEGER NOT NULL,
	opened_at TEXT NOT NULL,
	CONSTRAINT pk_breaks PRIMARY KEY (id),
	CONSTRAINT fk_breaks_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT fk_breaks_opened_by FOREIGN KEY(opened_by) REFERENCES reconciliations (id),
	CONSTRAINT ck_breaks_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_breaks_kind_choice CHECK (kind IN ('broker_only', 'ledger_only', 'quantity', 'cash', 'orphan_order', 'stale_order')),
	CONSTRAINT ck_breaks_symbol_length CHECK (length(symbol) BETWEEN 0 AND 24),
	CONSTRAINT ck_breaks_expected_length CHECK (length(expected) BETWEEN 0 AND 2000),
	CONSTRAINT ck_breaks_observed_length CHECK (length(observed) BETWEEN 0 AND 2000)
)
 STRICT

-- next

CREATE INDEX ix_breaks_portfolio ON breaks (portfolio)

-- next

CREATE TABLE override_ends (
	override_id INTEGER NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_override_ends PRIMARY KEY (override_id),
	CONSTRAINT fk_override_ends_override_id FOREIGN KEY(override_id) REFERENCES overrides (id),
	CONSTRAINT ck_override_ends_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_override_ends_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE decisions (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	symbol TEXT NOT NULL,
	bars INTEGER NOT NULL,
	momentum TEXT,
	direction INTEGER,
	vol TEXT,
	weight TEXT,
	signal_reason TEXT,
	sigma_p TEXT,
	k TEXT,
	single_capped INTEGER,
	x_single TEXT,
	gross_factor TEXT,
	tripped INTEGER,
	breaker_factor TEXT,
	target TEXT,
	held INTEGER NOT NULL,
	desired INTEGER NOT NULL,
	decision TEXT NOT NULL,
	reference_price TEXT,
	ordered INTEGER NOT NULL,
	overridden_by TEXT,
	CONSTRAINT pk_decisions PRIMARY KEY (portfolio, session, symbol),
	CONSTRAINT fk_decisions_portfolio_session FOREIGN KEY(portfolio, session) REFERENCES sessions (portfolio, session),
	CONSTRAINT ck_decisions_direction_sign CHECK (direction IN (-1, 0, 1)),
	CONSTRAINT ck_decisions_bars_counted CHECK (bars >= 0),
	CONSTRAINT ck_decisions_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_decisions_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_decisions_momentum_finite CHECK (lower(momentum) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_vol_finite CHECK (lower(vol) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_weight_finite CHECK (lower(weight) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_signal_reason_length CHECK (length(signal_reason) BETWEEN 1 AND 64),
	CONSTRAINT ck_decisions_sigma_p_finite CHECK (lower(sigma_p) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_k_finite CHECK (lower(k) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_single_capped_flag CHECK (single_capped IN (0, 1)),
	CONSTRAINT ck_decisions_x_single_finite CHECK (lower(x_single) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_gross_factor_finite CHECK (lower(gross_factor) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_tripped_flag CHECK (tripped IN (0, 1)),
	CONSTRAINT ck_decisions_breaker_factor_finite CHECK (lower(breaker_factor) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_target_finite CHECK (lower(target) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_decision_length CHECK (length(decision) BETWEEN 1 AND 64),
	CONSTRAINT ck_decisions_reference_price_finite CHECK (lower(reference_price) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_decisions_overridden_by_length CHECK (length(overridden_by) BETWEEN 1 AND 1000)
)
 STRICT

-- next

CREATE TABLE order_intents (
	client_order_id TEXT NOT NULL,
	environment TEXT NOT NULL,
	account TEXT NOT NULL,
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	symbol TEXT NOT NULL,
	leg TEXT NOT NULL,
	revision INTEGER NOT NULL,
	quantity INTEGER NOT NULL,
	reference_price TEXT NOT NULL,
	decision TEXT NOT NULL,
	payload_hash TEXT NOT NULL,
	config_hash TEXT NOT NULL,
	lease_token INTEGER NOT NULL,
	committed_at TEXT NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_order_intents PRIMARY KEY (client_order_id),
	CONSTRAINT fk_order_intents_portfolio_session FOREIGN KEY(portfolio, session) REFERENCES sessions (portfolio, session),
	CONSTRAINT fk_order_intents_portfolio_lease_token FOREIGN KEY(portfolio, lease_token) REFERENCES leases (portfolio, token),
	CONSTRAINT uq_order_intents_portfolio_session_symbol_leg_revision UNIQUE (portfolio, session, symbol, leg, revision),
	CONSTRAINT ck_order_intents_quantity_not_zero CHECK (quantity <> 0),
	CONSTRAINT ck_order_intents_revision_counted CHECK (revision >= 0),
	CONSTRAINT fk_order_intents_config_hash FOREIGN KEY(config_hash) REFERENCES config_versions (config_hash),
	CONSTRAINT ck_order_intents_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 48),
	CONSTRAINT ck_order_intents_environment_choice CHECK (environment IN ('dev', 'paper', 'live')),
	CONSTRAINT ck_order_intents_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_intents_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_intents_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_order_intents_leg_choice CHECK (leg IN ('rebalance', 'limit', 'flatten')),
	CONSTRAINT ck_order_intents_reference_price_finite CHECK (lower(reference_price) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_order_intents_decision_length CHECK (length(decision) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_intents_payload_hash_length CHECK (length(payload_hash) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_intents_config_hash_length CHECK (length(config_hash) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_intents_state_choice CHECK (state IN ('INTENT', 'SENDING', 'UNKNOWN', 'ACKED', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED'))
)
 STRICT

-- next

CREATE UNIQUE INDEX one_working_order ON order_intents (portfolio, session, symbol) WHERE state IN ('ACKED', 'INTENT', 'PARTIAL', 'SENDING', 'UNKNOWN')

-- next

CREATE INDEX working_orders ON order_intents (portfolio) WHERE state IN ('ACKED', 'INTENT', 'PARTIAL', 'SENDING', 'UNKNOWN')

-- next

CREATE TABLE corporate_action_entries (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	version INTEGER NOT NULL,
	symbol TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	split_new INTEGER NOT NULL,
	split_old INTEGER NOT NULL,
	dividend TEXT NOT NULL,
	shares_change INTEGER NOT NULL,
	cash INTEGER NOT NULL,
	dividend_cash INTEGER NOT NULL,
	CONSTRAINT pk_corporate_action_entries PRIMARY KEY (portfolio, session, version, symbol, sequence),
	CONSTRAINT fk_corporate_action_entries_portfolio_session_version FOREIGN KEY(portfolio, session, version) REFERENCES snapshots (portfolio, session, version),
	CONSTRAINT ck_corporate_action_entries_split_positive CHECK (split_new > 0 AND split_old > 0),
	CONSTRAINT ck_corporate_action_entries_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_corporate_action_entries_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_corporate_action_entries_dividend_finite CHECK (lower(dividend) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_corporate_action_entries_cash_bound CHECK (cash BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_corporate_action_entries_dividend_cash_bound CHECK (dividend_cash BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE TABLE positions (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	version INTEGER NOT NULL,
	symbol TEXT NOT NULL,
	quantity INTEGER NOT NULL,
	mark TEXT NOT NULL,
	mark_age_sessions INTEGER NOT NULL,
	cost INTEGER NOT NULL,
	market_value INTEGER NOT NULL,
	CONSTRAINT pk_positions PRIMARY KEY (portfolio, session, version, symbol),
	CONSTRAINT fk_positions_portfolio_session_version FOREIGN KEY(portfolio, session, version) REFERENCES snapshots (portfolio, session, version),
	CONSTRAINT ck_positions_quantity_not_zero CHECK (quantity <> 0),
	CONSTRAINT ck_positions_mark_age_counted CHECK (mark_age_sessions >= 0),
	CONSTRAINT ck_positions_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_positions_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_positions_mark_finite CHECK (lower(mark) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_positions_cost_bound CHECK (cost BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_positions_market_value_bound CHECK (market_value BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE TABLE lots (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	version INTEGER NOT NULL,
	symbol TEXT NOT NULL,
	ordinal INTEGER NOT NULL,
	quantity INTEGER NOT NULL,
	cost INTEGER NOT NULL,
	CONSTRAINT pk_lots PRIMARY KEY (portfolio, session, version, symbol, ordinal),
	CONSTRAINT fk_lots_portfolio_session_version FOREIGN KEY(portfolio, session, version) REFERENCES snapshots (portfolio, session, version),
	CONSTRAINT ck_lots_none_left CHECK (quantity <> 0 OR (ordinal = 0 AND cost = 0)),
	CONSTRAINT ck_lots_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_lots_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_lots_cost_bound CHECK (cost BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE INDEX ix_lots_portfolio_symbol_session_version ON lots (portfolio, symbol, session, version)

-- next

CREATE TABLE break_ends (
	break_id INTEGER NOT NULL,
	how TEXT NOT NULL,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_break_ends PRIMARY KEY (break_id),
	CONSTRAINT fk_break_ends_break_id FOREIGN KEY(break_id) REFERENCES breaks (id),
	CONSTRAINT ck_break_ends_how_choice CHECK (how IN ('cleared', 'adopted')),
	CONSTRAINT ck_break_ends_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_break_ends_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
)
 STRICT

-- next

CREATE TABLE limit_rejections (
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	client_order_id TEXT NOT NULL,
	limit_name TEXT NOT NULL,
	stage TEXT NOT NULL,
	symbol TEXT NOT NULL,
	measured TEXT,
	bound TEXT NOT NULL,
	unit TEXT NOT NULL,
	sentence TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_limit_rejections PRIMARY KEY (portfolio, session, client_order_id, limit_name, stage),
	CONSTRAINT fk_limit_rejections_portfolio_session FOREIGN KEY(portfolio, session) REFERENCES sessions (portfolio, session),
	CONSTRAINT ck_limit_rejections_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_limit_rejections_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 64),
	CONSTRAINT ck_limit_rejections_limit_name_length CHECK (length(limit_name) BETWEEN 1 AND 64),
	CONSTRAINT ck_limit_rejections_stage_choice CHECK (stage IN ('sizing', 'gate')),
	CONSTRAINT ck_limit_rejections_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_limit_rejections_measured_finite CHECK (lower(measured) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_limit_rejections_bound_finite CHECK (lower(bound) NOT IN ('nan', '-nan', 'inf', '-inf', 'infinity', '-infinity')),
	CONSTRAINT ck_limit_rejections_unit_length CHECK (length(unit) BETWEEN 1 AND 64),
	CONSTRAINT ck_limit_rejections_sentence_length CHECK (length(sentence) BETWEEN 1 AND 1000)
)
 STRICT

-- next

CREATE TABLE order_attempts (
	client_order_id TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	kill_epoch INTEGER NOT NULL,
	lease_token INTEGER NOT NULL,
	code_version TEXT NOT NULL,
	config_hash TEXT NOT NULL,
	committed_at TEXT NOT NULL,
	CONSTRAINT pk_order_attempts PRIMARY KEY (client_order_id, attempt),
	CONSTRAINT fk_order_attempts_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id),
	CONSTRAINT fk_order_attempts_config_hash FOREIGN KEY(config_hash) REFERENCES config_versions (config_hash),
	CONSTRAINT ck_order_attempts_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 48),
	CONSTRAINT ck_order_attempts_code_version_length CHECK (length(code_version) BETWEEN 1 AND 200),
	CONSTRAINT ck_order_attempts_config_hash_length CHECK (length(config_hash) BETWEEN 1 AND 64)
)
 STRICT

-- next

CREATE TABLE order_events (
	client_order_id TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	broker_order_id TEXT,
	filled_quantity INTEGER,
	reason TEXT NOT NULL,
	raw TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_order_events PRIMARY KEY (client_order_id, sequence),
	CONSTRAINT fk_order_events_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id),
	CONSTRAINT ck_order_events_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 48),
	CONSTRAINT ck_order_events_kind_length CHECK (length(kind) BETWEEN 1 AND 64),
	CONSTRAINT ck_order_events_state_choice CHECK (state IN ('INTENT', 'SENDING', 'UNKNOWN', 'ACKED', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED')),
	CONSTRAINT ck_order_events_broker_order_id_length CHECK (length(broker_order_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_order_events_reason_length CHECK (length(reason) BETWEEN 0 AND 2000),
	CONSTRAINT ck_order_events_raw_length CHECK (length(raw) BETWEEN 0 AND 20000)
)
 STRICT

-- next

CREATE TABLE executions (
	broker TEXT NOT NULL,
	account TEXT NOT NULL,
	execution_id TEXT NOT NULL,
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	client_order_id TEXT,
	broker_order_id TEXT NOT NULL,
	symbol TEXT NOT NULL,
	quantity INTEGER NOT NULL,
	price INTEGER NOT NULL,
	commission INTEGER NOT NULL,
	cumulative_quantity INTEGER NOT NULL,
	executed_at TEXT NOT NULL,
	booked_at TEXT NOT NULL,
	CONSTRAINT pk_executions PRIMARY KEY (broker, account, execution_id),
	CONSTRAINT ck_executions_quantity_not_zero CHECK (quantity <> 0),
	CONSTRAINT ck_executions_price_not_negative CHECK (price >= 0),
	CONSTRAINT fk_executions_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT fk_executions_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id),
	CONSTRAINT ck_executions_broker_length CHECK (length(broker) BETWEEN 1 AND 64),
	CONSTRAINT ck_executions_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_executions_execution_id_length CHECK (length(execution_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_executions_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_executions_client_order_id_length CHECK (length(client_order_id) BETWEEN 1 AND 48),
	CONSTRAINT ck_executions_broker_order_id_length CHECK (length(broker_order_id) BETWEEN 0 AND 128),
	CONSTRAINT ck_executions_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_executions_price_bound CHECK (price BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_executions_commission_bound CHECK (commission BETWEEN -4000000000000000000 AND 4000000000000000000)
)
 STRICT

-- next

CREATE INDEX ix_executions_portfolio_session ON executions (portfolio, session)

-- next

CREATE INDEX ix_executions_client_order_id ON executions (client_order_id)

-- next

CREATE TABLE cash_entries (
	id INTEGER NOT NULL,
	portfolio TEXT NOT NULL,
	session TEXT NOT NULL,
	kind TEXT NOT NULL,
	symbol TEXT,
	amount INTEGER NOT NULL,
	version INTEGER NOT NULL,
	broker TEXT,
	account TEXT,
	execution_id TEXT,
	reference TEXT,
	author TEXT NOT NULL,
	reason TEXT NOT NULL,
	recorded_at TEXT NOT NULL,
	CONSTRAINT pk_cash_entries PRIMARY KEY (id),
	CONSTRAINT fk_cash_entries_broker_account_execution_id FOREIGN KEY(broker, account, execution_id) REFERENCES executions (broker, account, execution_id),
	CONSTRAINT ck_cash_entries_execution_named CHECK ((kind IN ('trade', 'commission')) = (execution_id IS NOT NULL)),
	CONSTRAINT ck_cash_entries_reference_given CHECK ((kind IN ('deposit', 'withdrawal', 'adjustment')) = (reference IS NOT NULL)),
	CONSTRAINT ck_cash_entries_action_symbol CHECK (kind NOT IN ('dividend', 'cash_in_lieu') OR symbol IS NOT NULL),
	CONSTRAINT ck_cash_entries_version_of_actions CHECK ((kind IN ('dividend', 'cash_in_lieu')) = (version > 0)),
	CONSTRAINT ck_cash_entries_deposit_positive CHECK (kind <> 'deposit' OR amount > 0),
	CONSTRAINT ck_cash_entries_withdrawal_negative CHECK (kind <> 'withdrawal' OR amount < 0),
	CONSTRAINT fk_cash_entries_portfolio FOREIGN KEY(portfolio) REFERENCES portfolios (portfolio),
	CONSTRAINT ck_cash_entries_portfolio_length CHECK (length(portfolio) BETWEEN 1 AND 64),
	CONSTRAINT ck_cash_entries_kind_choice CHECK (kind IN ('trade', 'commission', 'dividend', 'cash_in_lieu', 'deposit', 'withdrawal', 'adjustment')),
	CONSTRAINT ck_cash_entries_symbol_length CHECK (length(symbol) BETWEEN 1 AND 24),
	CONSTRAINT ck_cash_entries_amount_bound CHECK (amount BETWEEN -4000000000000000000 AND 4000000000000000000),
	CONSTRAINT ck_cash_entries_broker_length CHECK (length(broker) BETWEEN 1 AND 64),
	CONSTRAINT ck_cash_entries_account_length CHECK (length(account) BETWEEN 1 AND 64),
	CONSTRAINT ck_cash_entries_execution_id_length CHECK (length(execution_id) BETWEEN 1 AND 128),
	CONSTRAINT ck_cash_entries_reference_length CHECK (length(reference) BETWEEN 1 AND 200),
	CONSTRAINT ck_cash_entries_author_length CHECK (length(author) BETWEEN 1 AND 64),
	CONSTRAINT ck_cash_entries_reason_length CHECK (length(reason) BETWEEN 0 AND 2000)
)
 STRICT

-- next

CREATE INDEX ix_cash_entries_portfolio_session ON cash_entries (portfolio, session)

-- next

CREATE UNIQUE INDEX one_entry_per_execution ON cash_entries (broker, account, execution_id, kind) WHERE execution_id IS NOT NULL

-- next

CREATE UNIQUE INDEX one_entry_per_action ON cash_entries (portfolio, symbol, session, kind, version) WHERE kind IN ('dividend', 'cash_in_lieu')

-- next

CREATE UNIQUE INDEX one_entry_per_reference ON cash_entries (portfolio, reference) WHERE reference IS NOT NULL

-- next

CREATE TRIGGER account_control_no_update BEFORE UPDATE ON account_control
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER account_control_no_delete BEFORE DELETE ON account_control
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_acknowledgements_no_update BEFORE UPDATE ON alert_acknowledgements
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_acknowledgements_no_delete BEFORE DELETE ON alert_acknowledgements
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_deliveries_no_update BEFORE UPDATE ON alert_deliveries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_deliveries_no_delete BEFORE DELETE ON alert_deliveries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_ends_no_update BEFORE UPDATE ON alert_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_ends_no_delete BEFORE DELETE ON alert_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_turn_ends_no_update BEFORE UPDATE ON alert_turn_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_turn_ends_no_delete BEFORE DELETE ON alert_turn_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_turns_no_update BEFORE UPDATE ON alert_turns
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alert_turns_no_delete BEFORE DELETE ON alert_turns
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alerts_no_update BEFORE UPDATE ON alerts
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER break_ends_no_update BEFORE UPDATE ON break_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER break_ends_no_delete BEFORE DELETE ON break_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER breaks_no_update BEFORE UPDATE ON breaks
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER breaks_no_delete BEFORE DELETE ON breaks
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER cash_entries_no_update BEFORE UPDATE ON cash_entries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER cash_entries_no_delete BEFORE DELETE ON cash_entries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER config_versions_no_update BEFORE UPDATE ON config_versions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER config_versions_no_delete BEFORE DELETE ON config_versions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER confirmations_no_update BEFORE UPDATE ON confirmations
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER confirmations_no_delete BEFORE DELETE ON confirmations
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER control_state_no_update BEFORE UPDATE ON control_state
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER control_state_no_delete BEFORE DELETE ON control_state
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER corporate_action_entries_no_update BEFORE UPDATE ON corporate_action_entries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER corporate_action_entries_no_delete BEFORE DELETE ON corporate_action_entries
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER cursors_no_update BEFORE UPDATE ON cursors
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER cursors_no_delete BEFORE DELETE ON cursors
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER environment_no_update BEFORE UPDATE ON environment
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER environment_no_delete BEFORE DELETE ON environment
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER executions_no_update BEFORE UPDATE ON executions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER executions_no_delete BEFORE DELETE ON executions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER flattens_no_update BEFORE UPDATE ON flattens
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER flattens_no_delete BEFORE DELETE ON flattens
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER lease_ends_no_update BEFORE UPDATE ON lease_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER lease_ends_no_delete BEFORE DELETE ON lease_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER leases_no_update BEFORE UPDATE ON leases
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER leases_no_delete BEFORE DELETE ON leases
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER limit_rejections_no_update BEFORE UPDATE ON limit_rejections
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER limit_rejections_no_delete BEFORE DELETE ON limit_rejections
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER lots_no_update BEFORE UPDATE ON lots
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER lots_no_delete BEFORE DELETE ON lots
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_attempts_no_update BEFORE UPDATE ON order_attempts
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_attempts_no_delete BEFORE DELETE ON order_attempts
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_events_no_update BEFORE UPDATE ON order_events
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_events_no_delete BEFORE DELETE ON order_events
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_intents_no_delete BEFORE DELETE ON order_intents
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER override_ends_no_update BEFORE UPDATE ON override_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER override_ends_no_delete BEFORE DELETE ON override_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER overrides_no_update BEFORE UPDATE ON overrides
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER overrides_no_delete BEFORE DELETE ON overrides
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER portfolios_no_update BEFORE UPDATE ON portfolios
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER portfolios_no_delete BEFORE DELETE ON portfolios
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER positions_no_update BEFORE UPDATE ON positions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER positions_no_delete BEFORE DELETE ON positions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER reconciliations_no_update BEFORE UPDATE ON reconciliations
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER reconciliations_no_delete BEFORE DELETE ON reconciliations
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER session_outcomes_no_update BEFORE UPDATE ON session_outcomes
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER session_outcomes_no_delete BEFORE DELETE ON session_outcomes
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER sessions_no_update BEFORE UPDATE ON sessions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER sessions_no_delete BEFORE DELETE ON sessions
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER snapshots_no_update BEFORE UPDATE ON snapshots
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER snapshots_no_delete BEFORE DELETE ON snapshots
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER suspense_no_update BEFORE UPDATE ON suspense
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER suspense_no_delete BEFORE DELETE ON suspense
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER suspense_ends_no_update BEFORE UPDATE ON suspense_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER suspense_ends_no_delete BEFORE DELETE ON suspense_ends
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: rows of the ledger are added, never changed or deleted');
END

-- next

CREATE TRIGGER order_intents_no_update BEFORE UPDATE ON order_intents
WHEN NEW.client_order_id IS NOT OLD.client_order_id OR NEW.environment IS NOT OLD.environment OR NEW.account IS NOT OLD.account OR NEW.portfolio IS NOT OLD.portfolio OR NEW.session IS NOT OLD.session OR NEW.symbol IS NOT OLD.symbol OR NEW.leg IS NOT OLD.leg OR NEW.revision IS NOT OLD.revision OR NEW.quantity IS NOT OLD.quantity OR NEW.reference_price IS NOT OLD.reference_price OR NEW.decision IS NOT OLD.decision OR NEW.payload_hash IS NOT OLD.payload_hash OR NEW.config_hash IS NOT OLD.config_hash OR NEW.lease_token IS NOT OLD.lease_token OR NEW.committed_at IS NOT OLD.committed_at
  OR NEW.state IS NOT (SELECT e.state FROM order_events e
    WHERE e.client_order_id = NEW.client_order_id ORDER BY e.sequence DESC LIMIT 1)
BEGIN
  SELECT RAISE(ABORT, 'stocker:append_only: of an order only the state changes, to that of its last event');
END

-- next

CREATE TRIGGER portfolios_environment AFTER INSERT ON portfolios
BEGIN
  SELECT RAISE(ABORT, 'stocker:environment: the database belongs to another environment')
  WHERE NOT EXISTS (SELECT 1 FROM environment e WHERE e.name = NEW.environment);
END

-- next

CREATE TRIGGER leases_one AFTER INSERT ON leases
BEGIN
  SELECT RAISE(ABORT, 'stocker:lease: another lease of the portfolio has not ended, or the token is not the next one')
  WHERE (NEW.token < 1 OR (NEW.token > 1 AND NOT EXISTS (SELECT 1 FROM leases g
    WHERE g.portfolio = NEW.portfolio AND g.token = NEW.token - 1)))
    OR EXISTS (SELECT 1 FROM leases l WHERE l.portfolio = NEW.portfolio
    AND l.token = NEW.token - 1 AND NOT EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = l.portfolio AND e.token = l.token));
END

-- next

CREATE TRIGGER sessions_fence AFTER INSERT ON sessions
BEGIN
  SELECT RAISE(ABORT, 'stocker:fence: the lease of this token has ended or another one was given')
  WHERE NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = NEW.portfolio)
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = NEW.portfolio AND e.token = NEW.lease_token);
END

-- next

CREATE TRIGGER order_intents_fence AFTER INSERT ON order_intents
BEGIN
  SELECT RAISE(ABORT, 'stocker:fence: the lease of this token has ended or another one was given')
  WHERE NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = NEW.portfolio)
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = NEW.portfolio AND e.token = NEW.lease_token);
END

-- next

CREATE TRIGGER snapshots_fence AFTER INSERT ON snapshots
BEGIN
  SELECT RAISE(ABORT, 'stocker:fence: the lease of this token has ended or another one was given')
  WHERE NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = NEW.portfolio)
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = NEW.portfolio AND e.token = NEW.lease_token);
END

-- next

CREATE TRIGGER reconciliations_fence AFTER INSERT ON reconciliations
BEGIN
  SELECT RAISE(ABORT, 'stocker:fence: the lease of this token has ended or another one was given')
  WHERE NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = NEW.portfolio)
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = NEW.portfolio AND e.token = NEW.lease_token);
END

-- next

CREATE TRIGGER order_attempts_fence AFTER INSERT ON order_attempts
BEGIN
  SELECT RAISE(ABORT, 'stocker:fence: the lease of this token has ended or another one was given')
  WHERE NEW.lease_token <> (SELECT max(l.token) FROM leases l
    WHERE l.portfolio = (SELECT o.portfolio FROM order_intents o WHERE o.client_order_id = NEW.client_order_id))
    OR EXISTS (SELECT 1 FROM lease_ends e
    WHERE e.portfolio = (SELECT o.portfolio FROM order_intents o WHERE o.client_order_id = NEW.client_order_id) AND e.token = NEW.lease_token);
END

-- next

CREATE TRIGGER order_intents_begin AFTER INSERT ON order_intents
BEGIN
  SELECT RAISE(ABORT, 'stocker:edge: an order begins as INTENT, in the environment and account of its portfolio')
  WHERE NEW.state <> 'INTENT' OR NOT EXISTS (SELECT 1 FROM portfolios p
    WHERE p.portfolio = NEW.portfolio AND p.environment = NEW.environment
    AND p.account = NEW.account);
END

-- next

CREATE TRIGGER order_attempts_control AFTER INSERT ON order_attempts
BEGIN
  SELECT RAISE(ABORT, 'stocker:control: the portfolio or its account is not armed, or that changed since it was read')
  WHERE NOT EXISTS (SELECT 1 FROM control_state c WHERE c.portfolio = (SELECT o.portfolio FROM order_intents o WHERE o.client_order_id = NEW.client_order_id)
    AND c.epoch = NEW.kill_epoch
    AND c.epoch = (SELECT max(d.epoch) FROM control_state d WHERE d.portfolio = c.portfolio)
    AND ((c.state IN ('ARMED', 'REDUCE_ONLY') AND NOT EXISTS (SELECT 1 FROM account_control a
    WHERE a.account IN ('*', (SELECT p.account FROM portfolios p
    WHERE p.portfolio = c.portfolio)) AND a.state = 'KILLED' AND a.epoch = (SELECT max(b.epoch)
    FROM account_control b WHERE b.account = a.account)))
    OR EXISTS (SELECT 1 FROM flattens f JOIN order_intents o
    ON o.portfolio = f.portfolio AND o.session = f.session AND o.leg = 'flatten'
    WHERE o.client_order_id = NEW.client_order_id AND f.control_epoch = c.epoch
    AND f.account_epoch = coalesce((SELECT max(a.epoch) FROM account_control a
    WHERE a.account IN ('*', (SELECT p.account FROM portfolios p
    WHERE p.portfolio = c.portfolio))), 0))));
END

-- next

CREATE TRIGGER order_intents_flatten AFTER INSERT ON order_intents
BEGIN
  SELECT RAISE(ABORT, 'stocker:control: an order that closes a book needs leave for its session')
  WHERE NEW.leg = 'flatten' AND NOT EXISTS (SELECT 1 FROM flattens f
    WHERE f.portfolio = NEW.portfolio AND f.session = NEW.session);
END

-- next

CREATE TRIGGER order_attempts_counted AFTER INSERT ON order_attempts
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: attempts are numbered from 1 without a gap')
  WHERE (NEW.attempt < 1 OR (NEW.attempt > 1 AND NOT EXISTS (SELECT 1 FROM order_attempts g
    WHERE g.client_order_id = NEW.client_order_id AND g.attempt = NEW.attempt - 1)));
END

-- next

CREATE TRIGGER order_events_counted AFTER INSERT ON order_events
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: events of an order are numbered from 1 without a gap')
  WHERE (NEW.sequence < 1 OR (NEW.sequence > 1 AND NOT EXISTS (SELECT 1 FROM order_events g
    WHERE g.client_order_id = NEW.client_order_id AND g.sequence = NEW.sequence - 1)));
END

-- next

CREATE TRIGGER order_events_edge AFTER INSERT ON order_events
BEGIN
  SELECT RAISE(ABORT, 'stocker:edge: no such step between two states of an order')
  WHERE EXISTS (SELECT 1 FROM order_intents o
    WHERE o.client_order_id = NEW.client_order_id AND NOT ((o.state = 'INTENT' AND NEW.state IN ('CANCELLED', 'SENDING')) OR (o.state = 'SENDING' AND NEW.state IN ('ACKED', 'CANCELLED', 'EXPIRED', 'FILLED', 'PARTIAL', 'REJECTED', 'UNKNOWN')) OR (o.state = 'UNKNOWN' AND NEW.state IN ('ACKED', 'CANCELLED', 'EXPIRED', 'FILLED', 'PARTIAL', 'REJECTED', 'SENDING', 'UNKNOWN')) OR (o.state = 'ACKED' AND NEW.state IN ('ACKED', 'CANCELLED', 'EXPIRED', 'FILLED', 'PARTIAL', 'REJECTED')) OR (o.state = 'PARTIAL' AND NEW.state IN ('CANCELLED', 'EXPIRED', 'FILLED', 'PARTIAL', 'REJECTED')) OR (o.state = 'CANCELLED' AND NEW.state IN ('CANCELLED', 'FILLED')) OR (o.state = 'EXPIRED' AND NEW.state IN ('EXPIRED', 'FILLED')) OR (o.state = 'REJECTED' AND NEW.state IN ('FILLED', 'REJECTED'))));
  UPDATE order_intents SET state = NEW.state
    WHERE client_order_id = NEW.client_order_id;
END

-- next

CREATE TRIGGER executions_foreign AFTER INSERT ON executions
BEGIN
  SELECT RAISE(ABORT, 'stocker:foreign: an execution is of one of our orders, with its portfolio, symbol and side, or was adopted')
  WHERE (NEW.client_order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM order_intents o
    WHERE o.client_order_id = NEW.client_order_id AND o.portfolio = NEW.portfolio
    AND o.symbol = NEW.symbol AND (o.quantity > 0) = (NEW.quantity > 0)))
    OR (NEW.client_order_id IS NULL AND NOT EXISTS (SELECT 1 FROM suspense s
    WHERE s.broker = NEW.broker AND s.account = NEW.account
    AND s.execution_id = NEW.execution_id));
END

-- next

CREATE TRIGGER executions_overfill AFTER INSERT ON executions
BEGIN
  SELECT RAISE(ABORT, 'stocker:overfill: the executions of an order are not more than its quantity')
  WHERE NEW.client_order_id IS NOT NULL AND (SELECT sum(abs(x.quantity)) FROM executions x
    WHERE x.client_order_id = NEW.client_order_id) > (SELECT abs(o.quantity)
    FROM order_intents o WHERE o.client_order_id = NEW.client_order_id);
END

-- next

CREATE TRIGGER snapshots_in_order AFTER INSERT ON snapshots
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: sessions are settled in order, and their versions are numbered from 1 without a gap')
  WHERE (NEW.version < 1 OR (NEW.version > 1 AND NOT EXISTS (SELECT 1 FROM snapshots g
    WHERE g.portfolio = NEW.portfolio AND g.session = NEW.session AND g.version = NEW.version - 1)))
    OR (NEW.version = 1 AND EXISTS (SELECT 1 FROM snapshots s
    WHERE s.portfolio = NEW.portfolio AND s.session > NEW.session));
END

-- next

CREATE TRIGGER control_state_epoch AFTER INSERT ON control_state
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: epochs of control are numbered from 1 without a gap')
  WHERE (NEW.epoch < 1 OR (NEW.epoch > 1 AND NOT EXISTS (SELECT 1 FROM control_state g
    WHERE g.portfolio = NEW.portfolio AND g.epoch = NEW.epoch - 1)));
END

-- next

CREATE TRIGGER control_state_sticky AFTER INSERT ON control_state
BEGIN
  SELECT RAISE(ABORT, 'stocker:sticky: only a person allows more than before; a drill arms what it killed itself, never in live')
  WHERE EXISTS (SELECT 1 FROM portfolios p LEFT JOIN control_state b
    ON b.portfolio = p.portfolio AND b.epoch = NEW.epoch - 1
    WHERE p.portfolio = NEW.portfolio
    AND (CASE coalesce(b.state, CASE p.environment WHEN 'live' THEN 'KILLED' END) WHEN 'KILLED' THEN 2 WHEN 'REDUCE_ONLY' THEN 1 ELSE 0 END)
    > (CASE NEW.state WHEN 'KILLED' THEN 2 WHEN 'REDUCE_ONLY' THEN 1 ELSE 0 END)
    AND (NEW.author = 'stocker' OR substr(NEW.author, 1, 8) = 'stocker ') AND NOT (NEW.author = 'stocker drill' AND p.environment <> 'live'
    AND NEW.state = 'ARMED' AND b.author = NEW.author AND EXISTS (SELECT 1
    FROM control_state d WHERE d.portfolio = NEW.portfolio AND d.epoch = NEW.epoch - 2
    AND d.state = 'ARMED')));
END

-- next

CREATE TRIGGER account_control_epoch AFTER INSERT ON account_control
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: words about accounts are numbered from 1 without a gap')
  WHERE (NEW.epoch < 1 OR (NEW.epoch > 1 AND NOT EXISTS (SELECT 1 FROM account_control g
    WHERE g.epoch = NEW.epoch - 1)));
END

-- next

CREATE TRIGGER account_control_sticky AFTER INSERT ON account_control
BEGIN
  SELECT RAISE(ABORT, 'stocker:sticky: only a person allows an account more than before')
  WHERE (NEW.author = 'stocker' OR substr(NEW.author, 1, 8) = 'stocker ') AND EXISTS (SELECT 1 FROM account_control b
    WHERE b.account = NEW.account AND b.epoch = (SELECT max(c.epoch) FROM account_control c
    WHERE c.account = NEW.account AND c.epoch < NEW.epoch)
    AND (CASE b.state WHEN 'KILLED' THEN 2 WHEN 'REDUCE_ONLY' THEN 1 ELSE 0 END) > (CASE NEW.state WHEN 'KILLED' THEN 2 WHEN 'REDUCE_ONLY' THEN 1 ELSE 0 END));
END

-- next

CREATE TRIGGER flattens_current AFTER INSERT ON flattens
BEGIN
  SELECT RAISE(ABORT, 'stocker:control: leave to close a book is given under the control that is in force')
  WHERE NEW.control_epoch <> coalesce((SELECT max(c.epoch) FROM control_state c
    WHERE c.portfolio = NEW.portfolio), 0);
END

-- next

CREATE TRIGGER cursors_counted AFTER INSERT ON cursors
BEGIN
  SELECT RAISE(ABORT, 'stocker:sequence: values of a cursor are numbered from 1 without a gap')
  WHERE (NEW.sequence < 1 OR (NEW.sequence > 1 AND NOT EXISTS (SELECT 1 FROM cursors g
    WHERE g.scope = NEW.scope AND g.name = NEW.name AND g.sequence = NEW.sequence - 1)));
END

-- next

CREATE TRIGGER audit_log_chained AFTER INSERT ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'stocker:audit: an audit entry names the hash of the entry before it')
  WHERE (NEW.sequence < 1 OR (NEW.sequence > 1 AND NOT EXISTS (SELECT 1 FROM audit_log g
    WHERE g.sequence = NEW.sequence - 1)))
    OR (NEW.sequence > 1 AND NOT EXISTS (SELECT 1 FROM audit_log a
    WHERE a.sequence = NEW.sequence - 1 AND a.hash = NEW.previous_hash));
END
