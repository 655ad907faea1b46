// Every statement that runs after the schema is there.
#pragma once

#include "sql.hpp"

namespace b24gate::storage::statements {

inline constexpr Statement now{"now", "SELECT {now}"};
inline constexpr Statement beat{"beat", "UPDATE heartbeat SET at = {now}"};

inline constexpr Statement list_credentials{"list_credentials", R"sql(
    SELECT {record} FROM credentials WHERE removed = 0 ORDER BY portal, credential)sql"};
inline constexpr Statement get_credential{"get_credential", R"sql(
    SELECT {record} FROM credentials WHERE portal = $1 AND credential = $2 AND removed = 0)sql"};
inline constexpr Statement lock_credential{"lock_credential", R"sql(
    SELECT {now}, {record} FROM credentials WHERE portal = $1 AND credential = $2 AND removed = 0 {lock})sql"};

// $3 key_id, $4 sealed, $5 member_id, $6 client_endpoint, $7 server_endpoint, $8 scope, $9 status, $10 user_id,
// $11 milliseconds until it expires. What is not known of a new pair leaves what is there.
inline constexpr Statement put_credential{"put_credential", R"sql(
    INSERT INTO credentials (removed, {record})
    SELECT 0, $1, $2, 1, 'active', '', $3, $4, $5, $6, $7, $8, $9, $10, clock.now + $11, clock.now, 0, 0, 0, '', 0, 0
        FROM {clock} WHERE true
    ON CONFLICT (portal, credential) DO UPDATE SET
        removed = 0, version = credentials.version + 1, state = 'active', reason = '',
        key_id = excluded.key_id, sealed = excluded.sealed,
        member_id = COALESCE(NULLIF(excluded.member_id, ''), credentials.member_id),
        client_endpoint = COALESCE(NULLIF(excluded.client_endpoint, ''), credentials.client_endpoint),
        server_endpoint = COALESCE(NULLIF(excluded.server_endpoint, ''), credentials.server_endpoint),
        scope = COALESCE(NULLIF(excluded.scope, ''), credentials.scope),
        status = COALESCE(NULLIF(excluded.status, ''), credentials.status),
        user_id = COALESCE(NULLIF(excluded.user_id, 0), credentials.user_id),
        expires_at = excluded.expires_at, obtained_at = excluded.obtained_at, refreshed_at = 0,
        failures = 0, retry_at = 0, lease_owner = '', lease_until = 0
    RETURNING {record})sql"};
// The same parameters, and $12 the version that was seen.
inline constexpr Statement finish_refresh{"finish_refresh", R"sql(
    UPDATE credentials SET
        version = version + 1, state = 'active', reason = '', key_id = $3, sealed = $4,
        member_id = COALESCE(NULLIF($5, ''), member_id),
        client_endpoint = COALESCE(NULLIF($6, ''), client_endpoint),
        server_endpoint = COALESCE(NULLIF($7, ''), server_endpoint),
        scope = COALESCE(NULLIF($8, ''), scope),
        status = COALESCE(NULLIF($9, ''), status),
        user_id = COALESCE(NULLIF($10, 0), user_id),
        expires_at = clock.now + $11, obtained_at = clock.now, refreshed_at = clock.now,
        failures = 0, retry_at = 0, lease_owner = '', lease_until = 0
    FROM {clock} WHERE portal = $1 AND credential = $2 AND removed = 0 AND version = $12)sql"};

// $3 nothing, as bytes. Versions and fences go on where they are when the credential comes back.
inline constexpr Statement remove_credential{"remove_credential", R"sql(
    UPDATE credentials SET
        removed = 1, state = 'needs_reauth', reason = '', key_id = '', sealed = $3, member_id = '',
        client_endpoint = '', server_endpoint = '', scope = '', status = '', user_id = 0, expires_at = 0,
        obtained_at = 0, refreshed_at = 0, failures = 0, retry_at = 0, lease_owner = '', lease_until = 0
    WHERE portal = $1 AND credential = $2 AND removed = 0 RETURNING version)sql"};
// $3 the version that was seen, $4 reason
inline constexpr Statement mark_needs_reauth{"mark_needs_reauth", R"sql(
    UPDATE credentials SET state = 'needs_reauth', reason = $4
    WHERE portal = $1 AND credential = $2 AND removed = 0 AND version = $3 RETURNING version)sql"};

// $3 the version that was seen, $4 owner, $5 milliseconds, $6 an owner who is dead, $7 1: in spite of retry_at
inline constexpr Statement take_lease{"take_lease", R"sql(
    UPDATE credentials SET lease_owner = $4, lease_until = clock.now + $5, fence = fence + 1
    FROM {clock} WHERE portal = $1 AND credential = $2 AND removed = 0 AND version = $3 AND state = 'active'
        AND (lease_owner IN ('', $4, $6) OR lease_until <= clock.now) AND ($7 = 1 OR retry_at <= clock.now)
    RETURNING {record})sql"};
// $3 version, $4 fence, $5 1: final, $6 reason, $7 milliseconds
inline constexpr Statement fail_refresh{"fail_refresh", R"sql(
    UPDATE credentials SET
        state = CASE WHEN $5 = 1 THEN 'needs_reauth' ELSE state END, reason = $6, failures = failures + 1 - $5,
        retry_at = CASE WHEN $5 = 1 THEN 0 ELSE {now} + $7 END, lease_owner = '', lease_until = 0
    WHERE portal = $1 AND credential = $2 AND removed = 0 AND version = $3 AND fence = $4 RETURNING version)sql"};
// $3 the bytes that are there, $4 and $5 the new ones
inline constexpr Statement reseal_credential{"reseal_credential", R"sql(
    UPDATE credentials SET key_id = $4, sealed = $5
    WHERE portal = $1 AND credential = $2 AND removed = 0 AND sealed = $3 RETURNING version)sql"};

inline constexpr Statement drop_old_installs{"drop_old_installs", "DELETE FROM installs WHERE expires_at <= {now}"};
inline constexpr Statement put_install{"put_install", R"sql(
    INSERT INTO installs (state_hash, portal, credential, expires_at) VALUES ($1, $2, $3, {now} + $4)
    ON CONFLICT (state_hash) DO UPDATE SET
        portal = excluded.portal, credential = excluded.credential, expires_at = excluded.expires_at)sql"};
inline constexpr Statement bound_installs{"bound_installs", R"sql(
    DELETE FROM installs WHERE id IN (SELECT id FROM installs ORDER BY id DESC LIMIT 1000 OFFSET 1000))sql"};
inline constexpr Statement take_install{"take_install", R"sql(
    DELETE FROM installs WHERE state_hash = $1
    RETURNING state_hash, portal, credential, expires_at - {now})sql"};

inline constexpr Statement list_portals{"list_portals",
                                        "SELECT portal, member_id, configured_url, url, keeps_keys FROM portals "
                                        "ORDER BY portal"};
inline constexpr Statement put_portal{"put_portal", R"sql(
    INSERT INTO portals (portal, member_id, configured_url, url, keeps_keys) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (portal) DO UPDATE SET
        member_id = excluded.member_id, configured_url = excluded.configured_url, url = excluded.url,
        keeps_keys = CASE WHEN portals.configured_url = excluded.configured_url AND portals.keeps_keys = 1 THEN 1
                          ELSE excluded.keeps_keys END)sql"};

inline constexpr Statement list_pauses{"list_pauses", "SELECT portal, actor, reason, at FROM pauses ORDER BY portal"};
inline constexpr Statement put_pause{"put_pause", R"sql(
    INSERT INTO pauses (portal, actor, reason, at) VALUES ($1, $2, $3, {now})
    ON CONFLICT (portal) DO UPDATE SET actor = excluded.actor, reason = excluded.reason)sql"};
inline constexpr Statement remove_pause{"remove_pause", "DELETE FROM pauses WHERE portal = $1 RETURNING portal"};

inline constexpr Statement list_levels{"list_levels",
                                       "SELECT portal, egress, level, at FROM bucket_levels ORDER BY portal, egress"};
inline constexpr Statement put_level{"put_level", R"sql(
    INSERT INTO bucket_levels (portal, egress, level, at) VALUES ($1, $2, $3, {now})
    ON CONFLICT (portal, egress) DO UPDATE SET level = excluded.level, at = excluded.at)sql"};

}  // namespace b24gate::storage::statements
