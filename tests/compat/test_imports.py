"""What FastMCP's users write: the names they import, and the arguments they give.

Two tables. A name that a later release brings is not in them; one that is in them stays.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, get_args, get_type_hints

import pytest

from fastmcp import Context, FastMCP
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource
from fastmcp.tools import Tool

NAMES: dict[str, str] = {
    "fastmcp": (
        "Client ClientGroup Context FastMCP FastMCPDeprecationWarning __version__ client server"
        " settings"
    ),
    "fastmcp.client": "Client BearerAuth StreamableHttpTransport StdioTransport FastMCPTransport",
    "fastmcp.client.auth": "BearerAuth ClientCredentialsOAuthProvider OAuth"
    " PrivateKeyJWTOAuthProvider SignedJWTParameters static_assertion_provider",
    "fastmcp.client.caching": "KeyValueResponseCacheStore",
    "fastmcp.client.client": "Client CallToolResult",
    "fastmcp.client.group": "ClientGroup ToolRoute",
    "fastmcp.client.elicitation": "ElicitResult ElicitationHandler ElicitRequestParams",
    "fastmcp.client.logging": "LogMessage LogHandler",
    "fastmcp.client.messages": "MessageHandler MessageHandlerT",
    "fastmcp.client.progress": "ProgressHandler",
    "fastmcp.client.roots": "RootsHandler RootsList",
    "fastmcp.client.sampling": "SamplingHandler SamplingMessage SamplingParams RequestContext",
    "fastmcp.client.sampling.handlers.anthropic": "AnthropicSamplingHandler",
    "fastmcp.client.sampling.handlers.google_genai": "GoogleGenaiSamplingHandler",
    "fastmcp.client.sampling.handlers.openai": "OpenAISamplingHandler",
    "fastmcp.client.transports": (
        "ClientTransport FastMCPStdioTransport FastMCPTransport MCPConfigTransport"
        " NodeStdioTransport NpxStdioTransport PythonStdioTransport StdioTransport"
        " StreamableHTTPTransport StreamableHttpTransport UvStdioTransport UvxStdioTransport"
        " infer_transport"
    ),
    "fastmcp.client.transports.config": "MCPConfigTransport",
    "fastmcp.client.transports.stdio": (
        "FastMCPStdioTransport NodeStdioTransport NpxStdioTransport PythonStdioTransport"
        " StdioTransport UvStdioTransport UvxStdioTransport"
    ),
    "fastmcp.dependencies": (
        "CurrentAccessToken CurrentContext CurrentFastMCP CurrentHeaders CurrentRequest"
        " Dependency Depends Progress ProgressLike Shared"
    ),
    "fastmcp.exceptions": (
        "AuthorizationError ClientError DisabledError FastMCPDeprecationWarning FastMCPError"
        " InsufficientScopeError InvalidSignature MCPError McpError NotFoundError PromptError"
        " ResourceError ResourceSecurityError ToolError URLElicitationRequiredError ValidationError"
        " to_mcp_error"
    ),
    "fastmcp.mcp_config": (
        "CanonicalMCPConfig CanonicalMCPServerTypes MCPConfig MCPServerTypes RemoteMCPServer"
        " StdioMCPServer TransformingRemoteMCPServer TransformingStdioMCPServer"
        " infer_transport_type_from_url update_config_file"
    ),
    "fastmcp.prompts": (
        "FunctionPrompt Message Prompt PromptArgument PromptMessage PromptResult prompt"
    ),
    "fastmcp.prompts.base": "Message Prompt PromptArgument PromptResult",
    "fastmcp.prompts.function_prompt": "FunctionPrompt prompt",
    "fastmcp.prompts.prompt": "Message Prompt PromptMessage",
    "fastmcp.resources": (
        "BinaryResource DirectoryResource FileResource FunctionResource HttpResource Resource"
        " ResourceContent ResourceResult ResourceSecurity ResourceTemplate TextResource resource"
    ),
    "fastmcp.resources.base": "Resource ResourceContent ResourceResult",
    "fastmcp.resources.function_resource": "FunctionResource resource",
    "fastmcp.resources.resource": "FunctionResource Resource",
    "fastmcp.resources.security": "DEFAULT_RESOURCE_SECURITY INHERIT_SECURITY ResourceSecurity",
    "fastmcp.resources.template": "ResourceTemplate",
    "fastmcp.resources.types": (
        "BinaryResource DirectoryResource FileResource HttpResource TextResource"
    ),
    "fastmcp.skills": (
        "GetSkillResult ListSkillsResult Skill SkillFrontmatter SkillResource SkillsClientExtension"
    ),
    "fastmcp.server": "Context FastMCP create_proxy",
    "fastmcp.server.auth": (
        "AccessToken AuthCheck AuthContext AuthProvider DebugTokenVerifier IdentityAssertion"
        " JWTVerifier MultiAuth OAuthProvider OAuthProxy OIDCProxy RemoteAuthProvider"
        " StaticTokenVerifier TokenVerifier require_roles require_scopes restrict_tag"
        " run_auth_checks"
    ),
    "fastmcp.server.auth.auth": (
        "AccessToken AuthProvider AuthorizationCode ClientRegistrationOptions MultiAuth"
        " OAuthClientInformationFull OAuthProvider RefreshToken RemoteAuthProvider"
        " RevocationOptions TokenError TokenVerifier"
    ),
    "fastmcp.server.auth.identity_assertion": "IdentityAssertion",
    "fastmcp.server.auth.oauth_proxy": "OAuthProxy",
    "fastmcp.server.auth.oidc_proxy": "OIDCConfiguration OIDCProxy",
    "fastmcp.server.auth.providers.auth0": "Auth0JWTVerifier Auth0MCPProvider Auth0Provider",
    "fastmcp.server.auth.providers.aws": "AWSCognitoProvider AWSCognitoTokenVerifier",
    "fastmcp.server.auth.providers.azure": "AzureJWTVerifier AzureProvider EntraOBOToken",
    "fastmcp.server.auth.providers.clerk": "ClerkProvider ClerkTokenVerifier",
    "fastmcp.server.auth.providers.debug": "DebugTokenVerifier",
    "fastmcp.server.auth.providers.descope": "DescopeProvider",
    "fastmcp.server.auth.providers.discord": "DiscordProvider DiscordTokenVerifier",
    "fastmcp.server.auth.providers.github": "GitHubProvider GitHubTokenVerifier",
    "fastmcp.server.auth.providers.google": "GoogleProvider GoogleTokenVerifier",
    "fastmcp.server.auth.providers.huggingface": "HuggingFaceProvider HuggingFaceTokenVerifier",
    "fastmcp.server.auth.providers.keycloak": "KeycloakAuthProvider",
    "fastmcp.server.auth.providers.oci": "OCIProvider",
    "fastmcp.server.auth.providers.propelauth": "PropelAuthProvider",
    "fastmcp.server.auth.providers.scalekit": "ScalekitProvider",
    "fastmcp.server.auth.providers.supabase": "SupabaseProvider",
    "fastmcp.server.auth.providers.workos": "AuthKitProvider WorkOSProvider WorkOSTokenVerifier",
    "fastmcp.server.auth.providers.in_memory": "InMemoryOAuthProvider",
    "fastmcp.server.auth.providers.introspection": "IntrospectionTokenVerifier",
    "fastmcp.server.auth.providers.jwt": "JWTVerifier RSAKeyPair StaticTokenVerifier",
    "fastmcp.server.context": "Context LogData",
    "fastmcp.server.dependencies": (
        "CurrentAccessToken CurrentContext CurrentFastMCP CurrentHeaders CurrentRequest Depends"
        " Progress get_access_token get_context get_http_headers get_http_request get_server"
    ),
    "fastmcp.server.elicitation": (
        "AcceptedElicitation CancelledElicitation DeclinedElicitation ElicitConfig"
        " get_elicitation_schema handle_elicit_accept parse_elicit_response_type"
    ),
    "fastmcp.server.http": "StarletteWithLifespan create_streamable_http_app",
    "fastmcp.server.lifespan": "ContextManagerLifespan Lifespan lifespan",
    "fastmcp.server.middleware": "CallNext Middleware MiddlewareContext",
    "fastmcp.server.middleware.error_handling": "ErrorHandlingMiddleware RetryMiddleware",
    "fastmcp.server.middleware.logging": "LoggingMiddleware StructuredLoggingMiddleware",
    "fastmcp.server.middleware.middleware": "CallNext Middleware MiddlewareContext",
    "fastmcp.server.middleware.rate_limiting": (
        "RateLimitError RateLimitingMiddleware SlidingWindowRateLimitingMiddleware"
    ),
    "fastmcp.server.middleware.timing": "DetailedTimingMiddleware TimingMiddleware",
    "fastmcp.server.sampling": "SampleStep SamplingResult",
    "fastmcp.server.tasks": "TaskConfig TaskMeta",
    "fastmcp.utilities.tasks": "TaskConfig TaskMeta",
    "fastmcp.server.providers": (
        "AggregateProvider ClaudeSkillsProvider FastMCPProvider Provider ProxyProvider"
        " SkillProvider SkillsDirectoryProvider"
    ),
    "fastmcp.server.providers.base": "Provider",
    "fastmcp.server.providers.fastmcp_provider": "FastMCPProvider",
    "fastmcp.server.providers.proxy": (
        "FastMCPProxy ProxyClient ProxyPrompt ProxyProvider ProxyResource ProxyTemplate ProxyTool"
        " StatefulProxyClient"
    ),
    "fastmcp.server.providers.skills": (
        "ClaudeSkillsProvider CodexSkillsProvider CopilotSkillsProvider CursorSkillsProvider"
        " GeminiSkillsProvider GooseSkillsProvider OpenCodeSkillsProvider SkillProvider"
        " SkillsDirectoryProvider VSCodeSkillsProvider"
    ),
    "fastmcp.server.server": "FastMCP",
    "fastmcp.settings": "Settings",
    "fastmcp.telemetry": (
        "extract_trace_context get_tracer inject_trace_context record_span_error"
        " suppress_fastmcp_telemetry telemetry_mode"
    ),
    "fastmcp.tools": "FunctionTool Tool ToolResult tool",
    "fastmcp.tools.base": "Tool ToolResult",
    "fastmcp.tools.function_tool": "FunctionTool tool",
    "fastmcp.tools.tool": "FunctionTool Tool ToolResult",
    "fastmcp.types": "Textarea",
    "fastmcp.utilities.components": "FastMCPComponent get_fastmcp_metadata",
    "fastmcp.utilities.http": "find_available_port",
    "fastmcp.utilities.json_schema": "compress_schema dereference_refs",
    "fastmcp.utilities.json_schema_type": "json_schema_to_type",
    "fastmcp.utilities.lifespan": "combine_lifespans",
    "fastmcp.utilities.logging": "configure_logging get_logger temporary_log_level",
    "fastmcp.utilities.skills": (
        "SkillFile SkillManifest SkillSummary download_skill get_skill_manifest list_skills"
        " sync_skills"
    ),
    "fastmcp.utilities.tests": (
        "HeadlessOAuth run_server_async run_server_in_process temporary_settings"
    ),
    "fastmcp.utilities.types": "Audio File Image NotSet NotSetT",
    "fastmcp.utilities.versions": "VersionSpec",
}
"""Module: the names users take from it."""

PARAMETERS: dict[str, str] = {
    "fastmcp:FastMCP": (
        "name instructions version website_url icons middleware lifespan tools providers"
        " on_duplicate mask_error_details dereference_schemas strict_input_validation"
        " list_page_size resource_security cache_ttl cache_scope session_state_store"
        " client_log_level experimental_capabilities"
    ),
    "fastmcp:FastMCP.add_provider": "provider namespace",
    "fastmcp:FastMCP.call_tool": "name arguments version run_middleware",
    "fastmcp:FastMCP.custom_route": "path methods name include_in_schema",
    "fastmcp:FastMCP.disable": "names keys version tags components",
    "fastmcp:FastMCP.enable": "names keys version tags components only",
    "fastmcp:FastMCP.get_tool": "name version",
    "fastmcp:FastMCP.http_app": (
        "path middleware json_response stateless_http transport event_store retry_interval"
        " host_origin_protection allowed_hosts allowed_origins session_idle_timeout"
    ),
    "fastmcp:FastMCP.list_tools": "run_middleware",
    "fastmcp:FastMCP.mount": "server namespace tool_names",
    "fastmcp.server:create_proxy": "target mode",
    "fastmcp.server.auth:DebugTokenVerifier": "validate client_id scopes required_scopes",
    "fastmcp.server.auth:IdentityAssertion": (
        "trusted_issuers jwks_uris audience required_scopes algorithm algorithms"
        " access_token_expiry_seconds"
    ),
    "fastmcp.server.auth:JWTVerifier": (
        "public_key jwks_uri issuer audience algorithm required_scopes base_url ssrf_safe"
        " http_client jwks_refresh_interval"
    ),
    "fastmcp.server.auth:OAuthProvider": (
        "base_url resource_base_url issuer_url service_documentation_url"
        " client_registration_options revocation_options required_scopes"
    ),
    "fastmcp.server.auth:OAuthProxy": (
        "upstream_authorization_endpoint upstream_token_endpoint upstream_client_id"
        " upstream_client_secret upstream_revocation_endpoint token_verifier base_url"
        " resource_base_url redirect_path issuer_url service_documentation_url"
        " allowed_client_redirect_uris valid_scopes forward_pkce forward_resource"
        " token_endpoint_auth_method extra_authorize_params extra_token_params client_storage"
        " jwt_signing_key require_authorization_consent consent_csp_policy"
        " fallback_access_token_expiry_seconds fallback_refresh_token_expiry_seconds"
        " fastmcp_access_token_expiry_seconds token_expiry_threshold_seconds enable_cimd"
        " identity_assertion"
    ),
    "fastmcp.server.auth:OIDCProxy": (
        "config_url strict client_id client_secret audience timeout_seconds token_verifier"
        " algorithm required_scopes verify_id_token base_url"
    ),
    "fastmcp.server.auth:StaticTokenVerifier": "tokens required_scopes",
    "fastmcp.server.auth.providers.auth0:Auth0MCPProvider": "config_url timeout_seconds",
    "fastmcp.server.auth.providers.azure:AzureProvider.from_b2c": (
        "tenant_name policy_name client_id client_secret required_scopes base_url custom_domain"
        " identifier_uri token_issuer"
    ),
    "fastmcp.server.auth.providers.clerk:ClerkTokenVerifier": (
        "domain client_id client_secret required_scopes timeout_seconds http_client"
    ),
    "fastmcp.server.auth.providers.introspection:IntrospectionTokenVerifier": (
        "introspection_url client_id client_secret client_auth_method timeout_seconds"
        " required_scopes audience base_url cache_ttl_seconds max_cache_size http_client"
    ),
    "fastmcp.server.auth.providers.jwt:RSAKeyPair.create_token": (
        "subject issuer audience scopes expires_in_seconds additional_claims kid"
    ),
    "fastmcp:FastMCP.read_resource": "uri version run_middleware",
    "fastmcp:FastMCP.render_prompt": "name arguments version run_middleware",
    "fastmcp:FastMCP.resource": (
        "uri name version title description icons mime_type tags annotations meta security"
    ),
    "fastmcp:FastMCP.run": "transport show_banner",
    "fastmcp:FastMCP.run_async": "transport show_banner",
    "fastmcp:FastMCP.run_http_async": (
        "show_banner transport host port log_level path uvicorn_config middleware json_response"
        " stateless_http stateless host_origin_protection allowed_hosts allowed_origins sockets"
    ),
    "fastmcp:FastMCP.run_stdio_async": "show_banner log_level stateless",
    "fastmcp:Context": "fastmcp",
    "fastmcp:Context.debug": "message logger_name extra",
    "fastmcp:Context.disable_components": "names keys version tags components match_all",
    "fastmcp:Context.elicit": "message response_type response_title response_description",
    "fastmcp:Context.enable_components": "names keys version tags components match_all",
    "fastmcp:Context.log": "message level logger_name extra",
    "fastmcp:Context.report_progress": "progress total message",
    "fastmcp:Context.elicit_url": "message url elicitation_id",
    "fastmcp:Context.sample": (
        "messages system_prompt temperature max_tokens model_preferences tools result_type"
        " mask_error_details tool_concurrency"
    ),
    "fastmcp:Context.sample_step": (
        "messages system_prompt temperature max_tokens model_preferences tools tool_choice"
        " execute_tools mask_error_details tool_concurrency"
    ),
    "fastmcp:Context.set_state": "key value serializable",
    "fastmcp:Client": (
        "transport name roots sampling_handler sampling_capabilities elicitation_handler"
        " log_handler message_handler progress_handler timeout auto_initialize init_timeout"
        " client_info auth verify mode prior_discover input_required_max_rounds cache extensions"
        " result_claims"
    ),
    "fastmcp:Client.call_tool": (
        "name arguments version timeout progress_handler raise_on_error meta"
    ),
    "fastmcp:Client.call_tool_mcp": "name arguments progress_handler timeout meta",
    "fastmcp:Client.complete": "ref argument context_arguments",
    "fastmcp:Client.get_prompt": "name arguments version meta",
    "fastmcp:Client.get_skill": "uri cache_mode",
    "fastmcp:Client.list_skills": "max_pages cache_mode",
    "fastmcp:Client.list_skills_mcp": "cursor cache_mode",
    "fastmcp:Client.list_tools": "max_pages cache_mode",
    "fastmcp:Client.list_tools_mcp": "cursor cache_mode",
    "fastmcp.client.auth:ClientCredentialsOAuthProvider": (
        "mcp_url client_id client_secret scopes token_endpoint_auth_method issuer token_storage"
    ),
    "fastmcp.client.auth:OAuth": (
        "mcp_url scopes client_name token_storage additional_client_metadata callback_port"
        " callback_host callback_timeout httpx_client_factory client_metadata_url client_id"
        " client_secret"
    ),
    "fastmcp.client.auth:PrivateKeyJWTOAuthProvider": (
        "mcp_url client_id assertion_provider scopes issuer token_storage"
    ),
    "fastmcp.client.auth:SignedJWTParameters": (
        "issuer subject signing_key signing_algorithm lifetime_seconds additional_claims"
    ),
    "fastmcp.client.caching:KeyValueResponseCacheStore": "storage collection",
    "fastmcp:Client.read_resource": "uri version meta",
    "fastmcp.client.sampling.handlers.anthropic:AnthropicSamplingHandler": "default_model client",
    "fastmcp.client.sampling.handlers.google_genai:GoogleGenaiSamplingHandler": (
        "default_model client thinking_budget"
    ),
    "fastmcp.client.sampling.handlers.openai:OpenAISamplingHandler": "default_model client",
    "fastmcp.client.transports:FastMCPTransport": "mcp raise_exceptions",
    "fastmcp:ClientGroup": "clients",
    "fastmcp:ClientGroup.call_tool": (
        "name arguments version timeout progress_handler raise_on_error meta"
    ),
    "fastmcp:ClientGroup.from_config": "config default_mode",
    "fastmcp:ClientGroup.list_tools": "cache_mode",
    "fastmcp.client.transports:MCPConfigTransport": "config name_as_prefix",
    "fastmcp.client.transports:NodeStdioTransport": (
        "script_path args env cwd node_cmd keep_alive log_file"
    ),
    "fastmcp.client.transports:NpxStdioTransport": (
        "package args project_directory env_vars use_package_lock keep_alive"
    ),
    "fastmcp.client.transports:UvStdioTransport": (
        "command args module project_directory python_version with_packages with_requirements"
        " env_vars keep_alive"
    ),
    "fastmcp.client.transports:UvxStdioTransport": (
        "tool_name tool_args project_directory python_version with_packages from_package env_vars"
        " keep_alive"
    ),
    "fastmcp.client.transports:PythonStdioTransport": (
        "script_path args env cwd python_cmd keep_alive log_file"
    ),
    "fastmcp.client.transports:StdioTransport": "command args env cwd keep_alive log_file",
    "fastmcp.client.transports:StreamableHttpTransport": (
        "url headers auth httpx_client_factory verify"
    ),
    "fastmcp.dependencies:Depends": "use_cache",
    "fastmcp.prompts:Message": "content role",
    "fastmcp.prompts:Prompt.from_function": (
        "fn name version title description icons tags meta auth"
    ),
    "fastmcp.prompts:PromptResult": "messages description meta",
    "fastmcp.resources:Resource.from_function": (
        "fn uri name version title description icons mime_type tags annotations meta auth"
    ),
    "fastmcp.resources:ResourceContent": "content mime_type meta",
    "fastmcp.resources:ResourceResult": "contents meta",
    "fastmcp.resources:ResourceSecurity": (
        "reject_path_traversal reject_absolute_paths reject_null_bytes exempt_params"
    ),
    "fastmcp.resources:ResourceTemplate.from_function": (
        "fn uri_template name version title description icons mime_type tags annotations meta"
        " auth security"
    ),
    "fastmcp.resources:resource": (
        "uri name version title description icons mime_type tags annotations meta auth security"
    ),
    "fastmcp.server.providers.skills:ClaudeSkillsProvider": "reload supporting_files",
    "fastmcp.server.providers.skills:SkillProvider": "skill_path main_file_name supporting_files",
    "fastmcp.server.providers.skills:SkillsDirectoryProvider": (
        "roots reload main_file_name supporting_files experimental_skills"
    ),
    "fastmcp.utilities.skills:download_skill": "client skill_name target_dir overwrite",
    "fastmcp.utilities.skills:sync_skills": "client target_dir overwrite",
    "fastmcp.server.dependencies:get_http_headers": "include_all include",
    "fastmcp.server.middleware.error_handling:ErrorHandlingMiddleware": (
        "logger include_traceback error_callback transform_errors"
    ),
    "fastmcp.server.middleware.error_handling:RetryMiddleware": (
        "max_retries base_delay max_delay backoff_multiplier retry_exceptions logger"
    ),
    "fastmcp.server.middleware.logging:LoggingMiddleware": (
        "logger log_level include_payloads include_payload_length estimate_payload_tokens"
        " max_payload_length methods payload_serializer"
    ),
    "fastmcp.server.middleware.logging:StructuredLoggingMiddleware": (
        "logger log_level include_payloads include_payload_length estimate_payload_tokens"
        " methods payload_serializer"
    ),
    "fastmcp.server.middleware.rate_limiting:RateLimitingMiddleware": (
        "max_requests_per_second burst_capacity get_client_id global_limit"
    ),
    "fastmcp.server.middleware.rate_limiting:SlidingWindowRateLimitingMiddleware": (
        "max_requests window_minutes get_client_id"
    ),
    "fastmcp.server.middleware.timing:TimingMiddleware": "logger log_level",
    "fastmcp.server.middleware:MiddlewareContext": (
        "message fastmcp_context source type method timestamp"
    ),
    "fastmcp.telemetry:extract_trace_context": "meta",
    "fastmcp.telemetry:get_tracer": "version",
    "fastmcp.telemetry:inject_trace_context": "meta",
    "fastmcp.telemetry:record_span_error": "span exception",
    "fastmcp.tools:Tool.from_function": (
        "fn name version title description icons tags annotations output_schema meta task timeout"
        " auth run_in_thread"
    ),
    "fastmcp.tools:ToolResult": "content structured_content meta is_error",
    "fastmcp.utilities.tests:run_server_async": "server port transport path host",
    "fastmcp.utilities.tests:run_server_in_process": "server_fn provide_host_and_port host port",
    "fastmcp.utilities.types:Audio": "path data format annotations",
    "fastmcp.utilities.types:File": "path data format name annotations",
    "fastmcp.utilities.types:Image": "path data format annotations",
    "fastmcp.utilities.versions:VersionSpec": "gte lt eq",
}
"""Module and attribute: the parameters users give by name."""

GIVEN: dict[str, dict[str, Any]] = {
    "tool": {
        "name": "n",
        "version": 1,
        "title": "T",
        "description": "d",
        "icons": [],
        "tags": {"t"},
        "output_schema": None,
        "annotations": {"readOnlyHint": True},
        "meta": {"a": 1},
        "timeout": 1.0,
        "auth": None,
        "task": None,
        "run_in_thread": True,
    },
    "prompt": {
        "name": "n",
        "version": "1.0",
        "title": "T",
        "description": "d",
        "icons": [],
        "tags": {"t"},
        "meta": {"a": 1},
        "auth": None,
    },
}
"""Decorators that take any keyword: what users give them."""


def attribute_of(path: str) -> Any:
    module, _, names = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("module", NAMES)
@pytest.mark.filterwarnings("ignore::fastmcp.exceptions.FastMCPDeprecationWarning")
def test_names(module: str):
    loaded = importlib.import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("path", PARAMETERS)
def test_parameters(path: str):
    known = set(inspect.signature(attribute_of(path)).parameters)
    if "options" in known:  # **options: Unpack[SamplingOptions]
        found = attribute_of(path)
        hinted = found.__init__ if inspect.isclass(found) else found
        [typed] = get_args(get_type_hints(hinted)["options"])
        known |= get_type_hints(typed).keys()
    assert [name for name in PARAMETERS[path].split() if name not in known] == []


@pytest.mark.parametrize("kind", GIVEN)
def test_decorators(kind: str):
    standalone = attribute_of(f"fastmcp.{kind}s:{kind}")
    for decorator in (getattr(FastMCP("x"), kind), standalone):

        @decorator(**GIVEN[kind])
        def fn() -> str:
            return "said"

        assert fn() == "said"


def test_two_positional_arguments():
    mcp = FastMCP("name", "instructions")
    assert (mcp.name, mcp.instructions) == ("name", "instructions")


@pytest.mark.parametrize(
    "module",
    [
        "fastmcp",
        "fastmcp.client",
        "fastmcp.prompts",
        "fastmcp.resources",
        "fastmcp.server",
        "fastmcp.server.auth",
        "fastmcp.server.providers",
    ],
)
def test_what_is_loaded_later_is_listed(module: str):
    loaded = importlib.import_module(module)
    assert set(loaded.__all__) <= set(dir(loaded))
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("owner", [FastMCP, Context, Tool, Resource, Prompt])
def test_annotations_can_be_read(owner: type):
    """Also those that name something which is loaded later."""
    for name, member in inspect.getmembers(owner, inspect.isfunction):
        if name.startswith("_") or not member.__module__.startswith("fastmcp."):
            continue
        assert set(get_type_hints(member)) >= set(member.__annotations__), name
