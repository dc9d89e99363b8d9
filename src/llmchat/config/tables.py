"""The keys that a person may write in each table of a TOML file."""

from llmchat.config.mqtt import KEYS_OF_MQTT
from llmchat.config.provider import KEYS_OF_A_TABLE
from llmchat.config.routes import KEYS_OF_A_ROUTE
from llmchat.config.spending import KEYS_OF_A_PRICE
from llmchat.config.webhooks import KEYS_OF_A_WEBHOOK

KEYS_OF_TABLES = {
    "providers": KEYS_OF_A_TABLE,
    "routes": KEYS_OF_A_ROUTE,
    "prices": KEYS_OF_A_PRICE,
    "mqtt": KEYS_OF_MQTT,
    "webhooks": KEYS_OF_A_WEBHOOK,
}
