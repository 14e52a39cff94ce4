"""What an application does with the PyPI package `seam`, of the current generation or of the one before."""

import re
import unittest
from datetime import datetime, timedelta, timezone

from seam import (
    Seam,
    SeamActionAttemptFailedError,
    SeamHttpApiError,
    SeamHttpInvalidInputError,
    SeamHttpUnauthorizedError,
)

from generation import IS_CURRENT, NOTHING, NULL, PATHS_OF_AN_UNLOCK, SeamWithoutWorkspace, close, recording
from server import Server

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LONG = "A" * 24

server = None


def setUpModule():
    global server
    server = Server()


def tearDownModule():
    server.stop()


def a_minute_ago():
    return (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()


def ids_of(devices):
    return sorted(device.device_id for device in devices)


class SeamCase(unittest.TestCase):
    def setUp(self):
        self.seam = self.open(Seam.from_api_key(server.api_key, endpoint=server.endpoint))
        self.all_ids = sorted(device["device_id"] for device in server.devices)

    def open(self, client):
        """The client, which is closed when the test is over."""
        self.addCleanup(close, client)
        return client

    def assert_succeeded(self, attempt, action_type):
        self.assertRegex(attempt.action_attempt_id, UUID)
        self.assertEqual(attempt.action_type, action_type)
        self.assertEqual(attempt.status, "success")
        self.assertEqual(attempt.error, NOTHING)
        self.assertIs(attempt.result.was_confirmed_by_device, True)


class Locks(SeamCase):
    def test_unlock_door_returns_a_success_that_the_lock_confirmed(self):
        device_id = server.device_id()
        self.assert_succeeded(self.seam.locks.unlock_door(device_id=device_id), "UNLOCK_DOOR")
        self.assertIs(self.seam.devices.get(device_id=device_id).properties.locked, False)

    def test_lock_door_returns_a_success_that_the_lock_confirmed(self):
        device_id = server.device_id()
        self.assert_succeeded(self.seam.locks.lock_door(device_id=device_id), "LOCK_DOOR")
        self.assertIs(self.seam.devices.get(device_id=device_id).properties.locked, True)

    def test_the_first_answer_to_unlock_door_is_final(self):
        paths = []
        seam = self.open(Seam.from_api_key(server.api_key, endpoint=server.endpoint, **recording(paths)))
        seam.locks.unlock_door(device_id=server.device_id())
        self.assertEqual(paths, PATHS_OF_AN_UNLOCK)

    def test_get_finds_a_lock_by_id_and_by_name(self):
        device_id = server.device_id(1)
        self.assertEqual(self.seam.locks.get(device_id=device_id).device_id, device_id)
        name = server.devices[1]["display_name"]
        self.assertEqual(self.seam.locks.get(name=name).device_id, device_id)

    def test_list_has_the_five_virtual_locks(self):
        self.assertEqual(ids_of(self.seam.locks.list()), self.all_ids)


class Devices(SeamCase):
    def test_get_returns_a_whole_device(self):
        device = self.seam.devices.get(device_id=server.device_id())
        self.assertEqual(device.display_name, server.devices[0]["display_name"])
        self.assertEqual(device.workspace_id, server.workspace_id)
        self.assertRegex(device.connected_account_id, UUID)
        self.assertRegex(device.created_at, TIMESTAMP)
        self.assertIs(device.is_managed, True)
        self.assertIs(device.can_remotely_unlock, True)
        self.assertIs(device.can_remotely_lock, True)
        self.assertIs(device.properties.online, True)
        self.assertEqual(device.errors, [])

    def test_list_without_and_with_filters(self):
        self.assertEqual(ids_of(self.seam.devices.list()), self.all_ids)
        some = [server.device_id(0), server.device_id(2)]
        self.assertEqual(ids_of(self.seam.devices.list(device_ids=some)), sorted(some))
        self.assertEqual(ids_of(self.seam.devices.list(device_ids=some[:1])), some[:1])
        self.assertEqual(self.seam.devices.list(device_ids=[]), [])
        self.assertEqual(self.seam.devices.list(device_ids=[UNKNOWN_ID]), [])

    def test_update_sets_and_removes_a_nickname(self):
        device_id = server.device_id(1)
        name = "Küche, hinten / 100 %"
        self.seam.devices.update(device_id=device_id, name=name)
        renamed = self.seam.devices.get(name=name)
        self.assertEqual((renamed.device_id, renamed.nickname, renamed.display_name), (device_id, name, name))

        found = server.devices[1]["display_name"]
        self.seam.devices.update(device_id=device_id, name=NULL if IS_CURRENT else found)
        restored = self.seam.devices.get(device_id=device_id)
        self.assertEqual(restored.nickname, None if IS_CURRENT else found)
        self.assertEqual(restored.display_name, found)

    def test_update_merges_custom_metadata_which_list_can_filter_by(self):
        device_id = server.device_id(2)
        self.seam.devices.update(device_id=device_id, custom_metadata={"unit": "12 B", "vip": True, "old": "x"})
        self.seam.devices.update(device_id=device_id, custom_metadata={"old": NULL})
        device = self.seam.devices.get(device_id=device_id)
        self.assertEqual(dict(device.custom_metadata), {"unit": "12 B", "vip": True})

        found = self.seam.devices.list(custom_metadata_has={"unit": "12 B", "vip": True})
        self.assertEqual(ids_of(found), [device_id])
        self.assertEqual(self.seam.devices.list(custom_metadata_has={"unit": "13"}), [])


class Pagination(SeamCase):
    def test_a_paginator_walks_through_all_devices(self):
        paginator = self.seam.create_paginator(self.seam.devices.list, {"limit": 2})
        self.assertEqual(ids_of(paginator.flatten_to_list()), self.all_ids)
        self.assertEqual(ids_of(paginator.flatten()), self.all_ids)

    def test_a_page_can_be_fetched_by_its_cursor(self):
        paginator = self.seam.create_paginator(self.seam.devices.list, {"limit": 3})
        first, pagination = paginator.first_page()
        self.assertIs(pagination.has_next_page, True)
        second, last = paginator.next_page(pagination.next_page_cursor)
        self.assertEqual(ids_of([*first, *second]), self.all_ids)
        self.assertIs(last.has_next_page, False)
        self.assertIsNone(last.next_page_cursor)


class ActionAttempts(SeamCase):
    def test_an_attempt_can_be_read_without_waiting_and_then_be_waited_for(self):
        started = self.seam.locks.lock_door(device_id=server.device_id(3), wait_for_action_attempt=False)
        self.assertIn(started.status, ["pending", "success"])
        attempt = self.seam.action_attempts.get(
            action_attempt_id=started.action_attempt_id, wait_for_action_attempt=True
        )
        self.assert_succeeded(attempt, "LOCK_DOOR")

    def test_list_shows_the_attempts_of_one_device_in_their_order(self):
        device_id = server.device_id(4)
        first = self.seam.locks.lock_door(device_id=device_id)
        second = self.seam.locks.unlock_door(device_id=device_id)
        attempts = self.seam.action_attempts.list(device_id=device_id)
        wanted = [first.action_attempt_id, second.action_attempt_id]
        self.assertEqual([attempt.action_attempt_id for attempt in attempts][-2:], wanted)
        only = self.seam.action_attempts.list(action_attempt_ids=wanted[1:])
        self.assertEqual([attempt.action_attempt_id for attempt in only], wanted[1:])

    def test_an_unknown_attempt(self):
        with self.assertRaises(SeamHttpApiError) as caught:
            self.seam.action_attempts.get(action_attempt_id=UNKNOWN_ID)
        self.assertEqual((caught.exception.status_code, caught.exception.code), (404, "action_attempt_not_found"))
        self.assertEqual(caught.exception.data, {"action_attempt_id": UNKNOWN_ID})


class WorkspacesAndAccounts(SeamCase):
    def test_get_and_list_know_the_one_workspace_of_the_key(self):
        workspace = self.seam.workspaces.get()
        self.assertEqual(workspace.workspace_id, server.workspace_id)
        self.assertIs(workspace.is_sandbox, True)
        listed = [workspace.workspace_id for workspace in self.seam.workspaces.list()]
        self.assertEqual(listed, [server.workspace_id])

    def test_the_account_of_a_device_can_be_listed_and_read(self):
        wanted = self.seam.devices.get(device_id=server.device_id()).connected_account_id
        listed = [account.connected_account_id for account in self.seam.connected_accounts.list()]
        self.assertIn(wanted, listed)
        account = self.seam.connected_accounts.get(connected_account_id=wanted)
        self.assertEqual(account.connected_account_id, wanted)
        self.assertEqual(account.errors, [])

    def test_an_unknown_account(self):
        with self.assertRaises(SeamHttpApiError) as caught:
            self.seam.connected_accounts.get(connected_account_id=UNKNOWN_ID)
        self.assertEqual((caught.exception.status_code, caught.exception.code), (404, "connected_account_not_found"))


class Events(SeamCase):
    def test_an_unlock_leaves_its_two_events_linked_to_the_attempt(self):
        device_id = server.device_id()
        self.seam.locks.lock_door(device_id=device_id)
        attempt = self.seam.locks.unlock_door(device_id=device_id)

        events = self.seam.events.list(since=a_minute_ago(), device_id=device_id)
        mine = {
            event.event_type: event
            for event in events
            if getattr(event, "action_attempt_id", None) == attempt.action_attempt_id
        }
        self.assertEqual(sorted(mine), ["action_attempt.unlock_door.succeeded", "lock.unlocked"])
        unlocked = mine["lock.unlocked"]
        self.assertEqual((unlocked.method, unlocked.device_id), ("remote", device_id))
        self.assertEqual(self.seam.events.get(event_id=unlocked.event_id).event_type, "lock.unlocked")

    def test_list_filters_by_type(self):
        device_id = server.device_id()
        self.seam.locks.lock_door(device_id=device_id)
        self.seam.locks.unlock_door(device_id=device_id)
        events = self.seam.events.list(since=a_minute_ago(), event_type="lock.unlocked")
        self.assertEqual({event.event_type for event in events}, {"lock.unlocked"})


class ClientSessions(SeamCase):
    """The Python client makes sessions; it takes no session token as its own credential."""

    def test_create_get_or_create_and_get(self):
        account = self.seam.devices.get(device_id=server.device_id()).connected_account_id
        wanted = {"user_identifier_key": "jane", "connected_account_ids": [account]}
        session = self.seam.client_sessions.create(**wanted)
        self.assertTrue(session.token.startswith("seam_cst"))
        self.assertEqual(session.device_count, len(server.devices))

        if IS_CURRENT:
            again = self.seam.client_sessions.create(**wanted)
        else:
            # It sends POST, which makes a new session or none.
            with self.assertRaises(SeamHttpApiError) as caught:
                self.seam.client_sessions.create(**wanted)
            self.assertEqual(caught.exception.code, "client_session_token_already_exists")
            again = session
        found = self.seam.client_sessions.get_or_create(user_identifier_key="jane")
        read = self.seam.client_sessions.get(client_session_id=session.client_session_id)
        for same in (again, found, read):
            self.assertEqual((same.client_session_id, same.token), (session.client_session_id, session.token))


class PersonalAccessTokens(SeamCase):
    def test_with_a_workspace(self):
        token, workspace_id = server.personal_access_token, server.workspace_id
        operator = self.open(Seam.from_personal_access_token(token, workspace_id, endpoint=server.endpoint))
        self.assertEqual(operator.workspaces.get().workspace_id, workspace_id)
        attempt = operator.locks.unlock_door(device_id=server.device_id())
        self.assert_succeeded(attempt, "UNLOCK_DOOR")

    def test_without_a_workspace(self):
        token = server.personal_access_token
        operator = self.open(SeamWithoutWorkspace.from_personal_access_token(token, endpoint=server.endpoint))
        listed = [workspace.workspace_id for workspace in operator.workspaces.list()]
        self.assertIn(server.workspace_id, listed)


class Errors(SeamCase):
    def test_an_unknown_device(self):
        for call in (self.seam.devices.get, self.seam.locks.get, self.seam.locks.unlock_door):
            with self.assertRaises(SeamHttpApiError) as caught:
                call(device_id=UNKNOWN_ID)
            self.assertEqual((caught.exception.status_code, caught.exception.code), (404, "device_not_found"))
            self.assertTrue(caught.exception.request_id)

    def test_wrong_credentials_of_every_kind(self):
        endpoint = server.endpoint
        personal = f"seam_at1AAAAAAAA_{LONG}"
        clients = [
            Seam.from_api_key(f"seam_testAAAA_{LONG}", endpoint=endpoint),
            Seam.from_personal_access_token(personal, server.workspace_id, endpoint=endpoint),
            Seam.from_personal_access_token(server.personal_access_token, UNKNOWN_ID, endpoint=endpoint),
        ]
        for client in clients:
            with self.assertRaises(SeamHttpUnauthorizedError) as caught:
                self.open(client).devices.list()
            self.assertEqual(caught.exception.status_code, 401)
            self.assertTrue(caught.exception.request_id)

        nobody = self.open(SeamWithoutWorkspace.from_personal_access_token(personal, endpoint=endpoint))
        with self.assertRaises(SeamHttpUnauthorizedError):
            nobody.workspaces.list()

    def test_invalid_input_names_the_parameter(self):
        with self.assertRaises(SeamHttpInvalidInputError) as caught:
            self.seam.devices.get(device_id="not-a-uuid")
        self.assertEqual((caught.exception.status_code, caught.exception.code), (400, "invalid_input"))
        if not IS_CURRENT:
            return
        self.assertEqual(len(caught.exception.get_validation_error_messages("device_id")), 1)
        self.assertEqual(caught.exception.get_validation_error_messages("name"), [])

        with self.assertRaises(SeamHttpInvalidInputError) as caught:
            self.seam.locks.unlock_door(device_id=42)
        messages = caught.exception.get_validation_error_messages("device_id")
        self.assertEqual(messages, ["Expected string, received number"])

    def test_a_jammed_lock_fails_with_its_reason_and_works_again_after_it(self):
        device_id = server.device_id(4)
        self.seam.locks.lock_door(device_id=device_id)
        server.set(device_id, faults={"jam": 1})

        with self.assertRaises(SeamActionAttemptFailedError) as caught:
            self.seam.locks.unlock_door(device_id=device_id)
        self.assertEqual(caught.exception.code, "lock_jammed")
        self.assertTrue(str(caught.exception))
        attempt = caught.exception.action_attempt
        self.assertEqual((attempt.status, attempt.result, attempt.error.type), ("error", NOTHING, "lock_jammed"))

        failed = "action_attempt.unlock_door.failed"
        events = self.seam.events.list(since=a_minute_ago(), event_type=failed, device_id=device_id)
        self.assertIn(attempt.action_attempt_id, [event.action_attempt_id for event in events])

        self.assert_succeeded(self.seam.locks.unlock_door(device_id=device_id), "UNLOCK_DOOR")


class Simulations(SeamCase):
    def test_a_lock_goes_offline_and_comes_back(self):
        device_id = server.device_id(2)
        self.seam.devices.simulate.disconnect(device_id=device_id)
        away = self.seam.devices.get(device_id=device_id)
        self.assertIs(away.properties.online, False)
        self.assertEqual((len(away.errors), away.can_simulate_connection), (1, True))
        with self.assertRaises(SeamActionAttemptFailedError) as failure:
            self.seam.locks.unlock_door(device_id=device_id)
        self.assertEqual(failure.exception.code, "device_disconnected")
        self.seam.devices.simulate.connect(device_id=device_id)
        self.assert_succeeded(self.seam.locks.unlock_door(device_id=device_id), "UNLOCK_DOOR")

    def test_a_sandbox_that_is_reset_begins_again_with_the_same_ids(self):
        self.seam.devices.update(device_id=server.device_id(), name="Renamed")
        attempt = self.seam.workspaces.reset_sandbox()
        self.assertEqual((attempt.action_type, attempt.status), ("RESET_SANDBOX_WORKSPACE", "success"))
        self.assertEqual(ids_of(self.seam.devices.list()), self.all_ids)
        self.assertEqual(self.seam.devices.get(device_id=server.device_id()).display_name, "Front Door")


class SpacesAndIdentities(SeamCase):
    def test_a_space_holds_devices(self):
        first, second = server.device_id(), server.device_id(1)
        space = self.seam.spaces.create(name="Lobby", device_ids=[first])
        self.seam.spaces.add_devices(space_id=space.space_id, device_ids=[second])
        self.seam.spaces.remove_devices(space_id=space.space_id, device_ids=[first])
        self.assertEqual(ids_of(self.seam.devices.list(space_id=space.space_id)), [second])
        self.assertEqual(self.seam.devices.get(device_id=second).space_ids, [space.space_id])
        self.seam.spaces.delete(space_id=space.space_id)
        self.assertEqual(self.seam.devices.get(device_id=second).space_ids, [])

    def test_an_identity_is_granted_a_device(self):
        device_id = server.device_id()
        identity = self.seam.user_identities.create(full_name="Jane Doe")
        grant = {"user_identity_id": identity.user_identity_id, "device_id": device_id}
        self.seam.user_identities.grant_access_to_device(**grant)
        accessible = self.seam.user_identities.list_accessible_devices(user_identity_id=identity.user_identity_id)
        self.assertEqual(ids_of(accessible), [device_id])
        self.seam.user_identities.revoke_access_to_device(**grant)
        accessible = self.seam.user_identities.list_accessible_devices(user_identity_id=identity.user_identity_id)
        self.assertEqual(ids_of(accessible), [])
