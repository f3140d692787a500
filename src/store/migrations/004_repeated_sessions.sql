-- What a runner that asks for its session once more, after a lost answer, has to know beside its token.
alter table oidc_tokens add column nonce_digest text;
