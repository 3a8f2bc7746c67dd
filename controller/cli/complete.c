// SPDX-License-Identifier: Apache-2.0
/*
 * Completion, made from the tables of verbs and options: what they have is
 * written there alone.  The shell's part is completions/creel.
 */
#include <config.h>

#include "controller/cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "controller/cli/report.h"
#include "proto/cleanup.h"

#define PART_BYTES 80

/* Of "creel sandbox". */
static const char *const aliases[] = { "list", "explain", "recreate" };
#define N_ALIASES (sizeof(aliases) / sizeof(aliases[0]))

/* Nothing that could be more than a word, whoever chose it. */
static bool is_harmless(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at <= ' ' || *at == 0x7f ||
		    strchr("'\"\\`$&;|<>(){}[]*?!#~^", *at))
			return false;
	return *text != '\0';
}

/**
 * cli_offer() - print a candidate, if the word can become it
 */
void cli_offer(const struct cli_line *line, const char *text)
{
	auto_free char *safe = cli_escape(text, cli_locale_is_utf8());

	if (strncmp(text, line->prefix, strlen(line->prefix)) == 0 &&
	    is_harmless(text) && safe && strcmp(safe, text) == 0)
		printf("%s%s\n", line->before, text);
}

/**
 * cli_offer_kind() - let the shell complete
 * @kind: files, dirs or commands
 */
void cli_offer_kind(const char *kind)
{
	printf("\t%s\n", kind);
}

static void offer_options(const struct cli_line *line)
{
	const struct cli_option *option = NULL;
	char text[PART_BYTES];

	while ((option = cli_option_after(line->verb, option))) {
		if (option->opt == CLI_OPT_DUMP ||
		    option->opt == CLI_OPT_COMPLETE)
			continue;
		(void)snprintf(text, sizeof(text), "--%s", option->name);
		cli_offer(line, text);
		(void)snprintf(text, sizeof(text), "-%c", option->letter);
		if (option->letter && strlen(line->prefix) < 3)
			cli_offer(line, text);
	}
}

static const struct cli_option *find_option(const struct cli_verb *verb,
					    const char *word)
{
	size_t len = strcspn(word, "=");
	const struct cli_option *option = NULL;

	while ((option = cli_option_after(verb, option)))
		if (word[1] == '-' && strlen(option->name) == len - 2 &&
		    memcmp(option->name, word + 2, len - 2) == 0)
			return option;
	/* Of several letters the last may have a value. */
	while (word[1] != '-' && (option = cli_option_after(verb, option)))
		if (option->letter && word[strlen(word) - 1] == option->letter)
			return option;
	return NULL;
}

/*
 * The count-th word of a synopsis, or the last if that may be repeated.
 * Options are no words, and what follows one is its value.
 */
static bool synopsis_word(const char *synopsis, int count, char *word)
{
	const char *at = synopsis;
	bool value = false;

	for (;;) {
		size_t len;
		bool repeated;

		at += strspn(at, " []");
		len = strcspn(at, " ]");
		if (len == 0)
			return false;
		repeated = len > 3 && !memcmp(at + len - 3, "...", 3);
		if (strncmp(at, "--", 2) == 0) {
			value = len > 2;
		} else if (value) {
			value = false;
		} else if (count-- == 0 || repeated) {
			(void)snprintf(word, PART_BYTES, "%.*s",
				       (int)(repeated ? len - 3 : len), at);
			return true;
		}
		at += len;
	}
}

/* Cuts "check [FILE...] | show" where the bars have spaces around them. */
static const char *next_form(const char *forms, char *form)
{
	const char *bar = strstr(forms, " | ");
	size_t len = bar ? (size_t)(bar - forms) : strlen(forms);

	(void)snprintf(form, PART_BYTES, "%.*s", (int)len, forms);
	return bar ? bar + 3 : NULL;
}

/* @words: what is given, without options; the next is completed. */
static void offer_word(const struct cli_line *line, char **words, int count)
{
	const char *forms = line->verb->synopsis;
	bool several = strstr(forms, " | ") != NULL;
	char form[PART_BYTES], word[PART_BYTES];

	while (forms) {
		forms = next_form(forms, form);
		if (several && count > 0 &&
		    (!synopsis_word(form, 0, word) ||
		     strcmp(word, words[0]) != 0))
			continue;
		if (synopsis_word(form, count, word))
			cli_complete_value(line, CLI_OPT_INVALID, word);
	}
}

static void note(struct cli_line *line, const struct cli_option *option,
		 const char *value)
{
	line->args.has[option->opt] = true;
	line->args.last[option->opt] = value;
}

/*
 * Reads what stands before the word: options with their values, and words.
 * Returns the option whose value the word is, or NULL.
 */
static const struct cli_option *read_line(struct cli_line *line, char **words,
					  int *count, bool *options)
{
	const struct cli_option *open = NULL;
	bool dashes = false;

	*options = true;
	for (int i = 1; i + 1 < line->n_words; i++) {
		char *word = line->words[i];
		const char *equals = strchr(word, '=');

		if (open) {
			note(line, open, word);
			open = NULL;
		} else if (!dashes && strcmp(word, "--") == 0) {
			dashes = true;
			*options = false;
		} else if (*options && word[0] == '-' && word[1]) {
			open = find_option(line->verb, word);
			if (open && (!open->arg || equals)) {
				note(line, open, equals ? equals + 1 : NULL);
				open = NULL;
			}
		} else {
			words[(*count)++] = word;
			*options = *options && line->verb->mixed;
		}
	}
	return open;
}

static void complete_verb(struct cli_line *line, char **words)
{
	const struct cli_option *open;
	const char *equals = strchr(line->prefix, '=');
	char before[PART_BYTES];
	bool options;
	int count = 0;

	open = read_line(line, words, &count, &options);
	if (open) {
		cli_complete_value(line, open->opt, open->arg);
		return;
	}
	if (!options || line->prefix[0] != '-') {
		offer_word(line, words, count);
		return;
	}
	open = equals ? find_option(line->verb, line->prefix) : NULL;
	if (!equals) {
		offer_options(line);
	} else if (open && open->arg) {
		(void)snprintf(before, sizeof(before), "--%s=", open->name);
		line->before = before;
		line->prefix = equals + 1;
		cli_complete_value(line, open->opt, open->arg);
	}
}

static void offer_verbs(const struct cli_line *line)
{
	const struct cli_verb *verb;

	for (size_t i = 0; (verb = cli_verb_at(i)); i++)
		cli_offer(line, verb->name);
	cli_offer(line, "sandbox");
	if (line->prefix[0] == '-') {
		cli_offer(line, "--help");
		cli_offer(line, "--version");
	}
}

/**
 * cli_complete() - print what could stand in the place of the last word
 * @words: what follows "creel"; changed
 */
void cli_complete(char **words, int n_words)
{
	struct cli_line line = { .words = words,
				 .n_words = n_words,
				 .before = "" };

	if (n_words == 0)
		return;
	line.prefix = words[n_words - 1];
	if (n_words > 1 && strcmp(words[0], "sandbox") == 0) {
		for (size_t i = 0; n_words == 2 && i < N_ALIASES; i++)
			if (cli_verb_find(aliases[i]))
				cli_offer(&line, aliases[i]);
		line.words++;
		line.n_words--;
	}
	if (n_words == 1) {
		offer_verbs(&line);
		return;
	}
	line.verb = line.n_words > 1 ? cli_verb_find(line.words[0]) : NULL;
	line.args.verb = line.verb;
	/* Words are moved together at the array's beginning. */
	if (line.verb)
		complete_verb(&line, words);
}
