<?php /* A page of The Hill: a listing, or one article in the markup of today's layout. */ ?>
<!DOCTYPE html>
<html lang="en-US"><head><meta charset="utf-8"><title><?php wp_title(); ?></title>
<?php if (is_singular()) { ?>
<link rel="canonical" href="<?php the_permalink(); ?>">
<meta property="article:published_time" content="<?= get_post_time('c', true); ?>">
<meta property="article:modified_time" content="<?= get_post_modified_time('c', true); ?>">
<?php } ?>
</head><body><main>
<?php while (have_posts()) { the_post(); if (is_singular()) { $sections = get_the_category(); ?>
<section class="article__header">
<a class="article__header__category" href="<?= get_category_link($sections[0]); ?>"><?= $sections[0]->name; ?></a>
<h1 class="page-title"><?php the_title(); ?></h1>
<section class="submitted-by mobile-only">by <?= implode(' and ', array_map(
    fn($user) => "<a href=\"/author/$user->user_nicename/\">$user->display_name</a>",
    hill_authors(get_the_ID()))); ?> - <?php the_time('m/d/y g:i A'); ?> ET</section>
</section>
<article class="article__content"><div class="article__text"><?php the_content(); ?></div></article>
<?php } else { ?>
<article class="archive__item"><h2><a href="<?php the_permalink(); ?>"><?php the_title(); ?></a></h2></article>
<?php } } if (!is_singular()) next_posts_link('Older'); ?>
</main><?php wp_head(); ?></body></html>
