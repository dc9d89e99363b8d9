"""What attributes are called: the semantic conventions of OpenTelemetry, and our own."""

# https://opentelemetry.io/docs/specs/semconv/gen-ai/
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
TEMPERATURE = "gen_ai.request.temperature"
TOP_P = "gen_ai.request.top_p"
MAX_TOKENS = "gen_ai.request.max_tokens"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
SEED = "gen_ai.request.seed"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK_SECONDS = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"

# https://opentelemetry.io/docs/specs/semconv/http/http-spans/
METHOD = "http.request.method"
ROUTE = "http.route"
STATUS_CODE = "http.response.status_code"
PATH = "url.path"
SCHEME = "url.scheme"
ERROR = "error.type"
USER = "user.id"

# Ours. The tokens of a whole answer are not called as those of its attempts are: whoever adds up
# all spans would count each token twice.
REQUEST = "llmchat.request.id"
GENERATION = "llmchat.generation.id"
ATTEMPT = "llmchat.generation.attempt"
STATUS = "llmchat.generation.status"
ATTEMPTS = "llmchat.generation.requests"
TOTAL_INPUT = "llmchat.generation.input_tokens"
TOTAL_OUTPUT = "llmchat.generation.output_tokens"
COST = "llmchat.generation.cost_usd"
ESTIMATED = "llmchat.usage.estimated"
LINK = "llmchat.link"

CHAT = "chat"
FIRST_TOKEN = "first token"  # noqa: S105 - of an answer
RESET = "reset"

# Where ours are not the conventions' own names of providers.
PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}
