"""Everything that may go wrong, as one tree: each class is one condition, named by the fact.

A user's mistake becomes a condition on the object and is not retried; the world's is retried with
back-off; ours is none of these and crashes loudly. Messages name the object, the fact and the next
step, and never hold a secret. The classes live where they are raised; this picture is tested.

DeputyError
├── InvalidSetting                  a variable of the environment is missing or wrong
├── IllegalMove                     a run was asked to go where the phases do not lead
├── TemplateRefused                 a Blueprint's pod template is none
├── DecisionOutdated                what was decided no longer fits: look again
├── LeadershipLost                  another process may lead now
├── RelayCAMissing                  the Secret for the relay's CA is not there
├── NotAuthenticated                a caller of the relay has no token of a pod
├── UnknownCaller                   a caller of the relay belongs to no run
├── MalformedRequest                a call of the relay is not what the wire allows
├── ClaimUnsettled                  an issue's runs change too fast: the event has to come again
├── NotAcknowledged                 the tracker cannot be told now: the event has to come again
├── WriterStopped                   the tracker's writer ended before it knew
├── KubeError                       the API server did not do what was asked
│   ├── Unavailable                 nobody answered, or it is overloaded: try again later
│   ├── NotFound                    404
│   ├── AlreadyExists               409 on create
│   ├── Conflict                    409: the view was stale, look again
│   ├── Invalid                     422: the object is not what its schema asks for
│   ├── Forbidden                   401, 403: a right is missing, its message names it
│   ├── Expired                     410: the resource version is too old, list again
│   └── KubeRefused                 any other refusal
│       └── TooLarge                413: bigger than what may be stored
├── LinearError                     Linear did not do what was asked
│   ├── CredentialsMissing          the mounted Secret lacks a key; the message names it
│   ├── Unauthenticated             Linear does not let us in with the credentials that we have
│   ├── LinearUnavailable           nobody answered, or Linear failed: try again later
│   ├── RateLimited                 too much was asked: try again after `retry_after`
│   └── Rejected                    a mistake in what was asked; asking again is futile
│       ├── AlreadyInserted         the id is there already: an earlier call has done it
│       └── EntityNotFound          there is no such thing, or we may not see it
├── WebhookRefused                  a delivery is not taken
│   ├── SecretUnset                 503: we cannot check anything, it is to come again
│   ├── SignatureMissing            401
│   ├── SignatureWrong              401: no secret of ours made it
│   ├── BodyTooLarge                413: more than anybody honest sends
│   ├── BodyTooSlow                 408: it did not come in time
│   ├── BodyIncomplete              400: the sender went away in the middle of it
│   ├── StaleDelivery               400: signed too long ago, or in the future
│   └── MalformedDelivery           400: signed, but not what the documentation describes
└── ForgeError                      the forge did not do what was asked
    ├── ForgeUnavailable            nobody answered, it is broken or asks us to wait
    ├── ForgeRefused                a person has to change something; the message says what
    │   ├── RepositoryUrlWrong      the address names no repository of a forge
    │   ├── TokenRefused            401: the token is wrong or has expired
    │   ├── AccessDenied            403, 404: the token may not do this, or nothing is there
    │   │   └── RepositoryNotFound  404 alone
    │   ├── AlreadyOpen             the branch has a pull request already
    │   └── NothingToMerge          head and base have the same commits
    ├── TokenMissing                there is no token to call the forge with
    └── NotVerified                 the forge does not show what it should show
"""


class DeputyError(Exception):
    """Something that we know may go wrong, and say what follows from it."""
