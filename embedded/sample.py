"""Fills an empty Racord so that there is something to see: two clinics, three onboardings at different stages."""

import asyncio
from typing import Any

import httpx2

from adapters import sample_data
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.settings import Settings

PATIENCE = 60.0
CONTRACTS = {
    "generali": ("Contract 118/2026", "2026-02-27"),
    "global-assistance": ("Acord cadru GA-2026-044", "2026-03-11"),
}


async def load(settings: Settings, api_key: str) -> None:
    """Loads the sample once, into an empty database; the onboardings go through the public API, as everyone's do.

    Generali waits for the partner's settings, Global Assistance for the provider's prices, Europ Assistance for the contract.
    """
    database = Database.connect(settings)
    ids = await sample_data.load(database)
    if ids is not None:
        playbooks = load_playbooks(settings.partners_dir, TEMPLATES)
        headers = {"Authorization": f"Bearer {api_key}"}
        async with httpx2.AsyncClient(
            base_url=f"{settings.public_url}/api/v1", headers=headers, trust_env=False
        ) as api:
            await _start(api, ids.second_provider_id, "europ-assistance")
            waiting_for_prices = await _start(api, ids.provider_id, "global-assistance")
            await sample_data.prepare_channel(
                database,
                playbooks,
                ids.provider_id,
                "global-assistance",
                enabled=False,
                ticked=24,
                priced=18,
                consent=False,
            )
            await _sign(api, waiting_for_prices, "global-assistance")
            with_the_partner = await _start(api, ids.provider_id, "generali")
            await sample_data.prepare_channel(database, playbooks, ids.provider_id, "generali")
            await _sign(api, with_the_partner, "generali")
            # The third is nobody's yet, so that it shows what that looks like.
            await _give(api, waiting_for_prices, ids.account_manager_ids[0])
            await _give(api, with_the_partner, ids.account_manager_ids[1])
            await _until(api, with_the_partner, "settings")
            await _until(api, waiting_for_prices, "prices")
    await database.close()


async def _start(api: httpx2.AsyncClient, provider_id: str, partner: str) -> str:
    answer = await api.post("/onboardings", json={"provider_id": provider_id, "partner": partner})
    answer.raise_for_status()
    return str(answer.json()["id"])


async def _sign(api: httpx2.AsyncClient, onboarding_id: str, partner: str) -> None:
    document, date = CONTRACTS[partner]
    body = {"evidence": {"document": document, "date": date}}
    answer = await api.post(f"/onboardings/{onboarding_id}/steps/contract/complete", json=body)
    answer.raise_for_status()


async def _give(api: httpx2.AsyncClient, onboarding_id: str, account_manager_id: str) -> None:
    body = {"account_manager_id": account_manager_id, "reason": "Knows the clinic and the partner."}
    answer = await api.post(f"/onboardings/{onboarding_id}/assign", json=body)
    answer.raise_for_status()


async def _until(api: httpx2.AsyncClient, onboarding_id: str, step: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            seen: dict[str, Any] = (await api.get(f"/onboardings/{onboarding_id}")).json()
            if any(s["key"] == step and s["state"] == "waiting" for s in seen["steps"]):
                return
            await asyncio.sleep(0.1)
